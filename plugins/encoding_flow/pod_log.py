"""A pod's log, read piece by piece: each line once, and none left out.

Where a piece ends is the stamp of its last line, by the clock of the pod's node, as lines have no other number. The
provider keeps the time of the read instead, by its own clock, and leaves out the lines of that second: what a pod
said in it before the read is in no piece.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow.providers.cncf.kubernetes.utils.pod_manager import parse_log_line
from pendulum import DateTime

_CLOCKS_APART_S = 30
"""Kubernetes takes how many seconds ago, from the node's now; the reader's clock may be behind or ahead of that."""


@dataclass(frozen=True)
class LogPiece:
    """Lines as Kubernetes gives them, each with its stamp in front, and the stamp of the last (None: no line yet)."""

    lines: list[str]
    end: DateTime | None


def seconds_back(end: DateTime | None) -> int | None:
    """How far back to ask for the piece after ``end``, in seconds; it overlaps, ``next_piece`` cuts (None: all)."""
    if end is None:
        return None
    return max(0, math.ceil((datetime.now(UTC) - end).total_seconds())) + _CLOCKS_APART_S


def next_piece(lines: Iterable[str], end: DateTime | None) -> LogPiece:
    """Cut off what was in the pieces before.

    Args:
        lines: a log read with timestamps; what has no stamp belongs to the line before.
        end: where the piece before ended.
    """
    new: list[str] = []
    is_new = end is None
    for line in lines:
        stamp, _ = parse_log_line(line)
        if stamp is not None:
            is_new = end is None or stamp > end
            end = stamp if is_new else end
        if is_new:
            new.append(line)
    return LogPiece(new, end)
