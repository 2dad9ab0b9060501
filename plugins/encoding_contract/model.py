"""The one kind of document that crosses the wall between the rooms: frozen, and refusing unknown fields.

Also says which versions of a document this code can read.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from encoding_contract.errors import BadInput, IncompatibleVersion

CONTRACT_VERSION = 1
"""Written into every document; a document of another version is refused, never guessed at."""


class Document(BaseModel):
    """A frozen record that knows its JSON form."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, allow_inf_nan=False)

    def to_json(self) -> str:
        """Return the document as JSON with sorted keys, so that equal documents are equal bytes."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, indent=1) + "\n"

    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON form, in hex."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def build_documents() -> None:
    """Build what is otherwise built when it is first used: whoever forks children does it for all of them."""
    kinds = [Document]
    while kinds:
        kind = kinds.pop()
        kind.model_rebuild()
        kinds += kind.__subclasses__()


class VersionedDocument(Document):
    """A document that is stored, and may be read by a later version of this code."""

    version: int = CONTRACT_VERSION

    @classmethod
    def from_json(cls, text: str | bytes, origin: str) -> Self:
        """Parse a stored document.

        Raises:
            IncompatibleVersion: another version of Mapreel wrote it.
            BadInput: it is no such document.
        """
        try:
            fields: Any = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{origin}: is not JSON ({error}); delete it, and it is made again") from error
        found = fields.get("version") if isinstance(fields, dict) else None
        if found != CONTRACT_VERSION:
            raise IncompatibleVersion(
                f"{origin}: has contract version {found!r:.80}, this program reads {CONTRACT_VERSION}; "
                "run it with the encoder image that wrote it, or clear the run from prepare_job on"
            )
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise BadInput(f"{origin}: is no {cls.__name__}: {first_problem(error)}") from error


def first_problem(error: ValidationError) -> str:
    """Return one line for the first problem of a validation error: the field's path, and what is wrong with it."""
    problem = error.errors(include_url=False)[0]
    # A rule over several fields has no path: its message names them.
    field = ".".join(str(part)[:80] for part in problem["loc"][:20])
    message = problem["msg"].removeprefix("Value error, ")
    given = problem.get("input")
    shown = f" (given: {given!r:.80})" if isinstance(given, str | int | float | bool) else ""
    return f"{field}: {message}{shown}" if field else f"{message}{shown}"
