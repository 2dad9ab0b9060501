"""How many chunks are encoded at a time: the number of slots of the pool ``encoding``.

Written as a Pachyderm spec has it: ``constant: 16``, or ``coefficient: 2``, which is that many times the number of
schedulable nodes; in the local runtime, times the number of CPUs.
"""

from __future__ import annotations

import math
import os
import re
from typing import Self

from pydantic import Field

from encoding_contract.errors import BadInput
from encoding_contract.model import Document

_SPEC = re.compile(r"(?P<kind>constant|coefficient)\s*:\s*(?P<value>\d+(\.\d+)?)")


class Parallelism(Document):
    """Either a constant number of encoders, or so many for each node."""

    constant: int | None = Field(default=None, ge=1)
    coefficient: float | None = Field(default=None, gt=0)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``constant: N`` or ``coefficient: X``.

        Raises:
            BadInput: it is neither.
        """
        match = _SPEC.fullmatch(text.strip())
        value = float(match["value"]) if match else 0
        if match is None or value <= 0 or (match["kind"] == "constant" and value != int(value)):
            raise BadInput(f"MAPREEL_PARALLELISM: expected 'constant: 16' or 'coefficient: 2', found {text!r}")
        return cls(constant=int(value)) if match["kind"] == "constant" else cls(coefficient=value)

    def count_slots(self, nodes: int) -> int:
        """Return the number of encoders on so many nodes; at least one."""
        if self.constant is not None:
            return self.constant
        return max(1, math.floor((self.coefficient or 1) * nodes))


def count_cpus() -> int:
    """Return how many CPUs this process may use."""
    return len(os.sched_getaffinity(0))
