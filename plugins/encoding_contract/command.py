"""The command line of a pod: a verb, the job's address, and a chunk's index where the verb needs one.

Nothing else travels to a pod; all it needs to know stands in the job document.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from encoding_contract.model import Document

PROGRAM = "mapreel"

LIMIT_PREFIX = "MAPREEL_LIMIT_"
"""How the settings begin that say how much a source may ask for; the flow hands all of them on to the worker."""


class Verb(StrEnum):
    """What a pod can be told to do."""

    SPLIT = "split"
    ENCODE = "encode"
    ENCODE_AUDIO = "encode-audio"
    MERGE = "merge"


class Command(Document):
    """One call of the pod's program."""

    verb: Verb
    job_url: str = Field(pattern=r"^gs://[^/]+/.+/job\.json$")
    """Where the job document lies: ``gs://WORK/jobs/ID/job.json``."""
    chunk: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _chunk_goes_with_encode(self) -> Self:
        if (self.chunk is not None) != (self.verb is Verb.ENCODE):
            raise ValueError(f"a chunk index goes with {Verb.ENCODE.value}, and with nothing else")
        return self

    def to_argv(self) -> list[str]:
        """Return the argument vector, the program's name first."""
        argv = [PROGRAM, self.verb.value, "--job", self.job_url]
        return argv if self.chunk is None else [*argv, "--chunk", str(self.chunk)]
