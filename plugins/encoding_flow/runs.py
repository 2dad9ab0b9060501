"""Which encoding run a video has: run ids that follow from the job, and what Airflow says of them.

The same work asked for twice has the same run id, so Airflow itself refuses to do it twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from encoding_contract.job import JobId, ObjectAddress

_UNFIT = re.compile(r"[^A-Za-z0-9_.+-]+")
_NAME_LIMIT = 60
_BLOCK_RUNS = 40
"""Run ids of one question to Airflow; they travel in a URL."""


class RunState(StrEnum):
    """States of a DAG run, as Airflow names them."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


class Standing(StrEnum):
    """What is to be known of a run before another is started."""

    ABSENT = "absent"
    UNDER_WAY = "under way"
    FAILED = "failed"
    FINISHED = "finished"


_STATES = {
    Standing.UNDER_WAY: (RunState.QUEUED, RunState.RUNNING),
    Standing.FAILED: (RunState.FAILED,),
    Standing.FINISHED: (RunState.SUCCESS,),
}


class RunBook(Protocol):
    """What Airflow knows of the runs of a DAG."""

    def count(self, run_ids: Sequence[str], states: Sequence[str] | None) -> int:
        """Return how many of these runs stand (in one of these states)."""


class ClaimBook(Protocol):
    """Which run claimed which job, and which was last at a source."""

    def claimed_by(self, job: JobId) -> str | None:
        """Return the id of the run, or ``None``."""

    def last_at(self, source: ObjectAddress) -> str | None:
        """Return the id of the run, or ``None``."""


def run_id(job: JobId, source_name: str, attempt: int = 1) -> str:
    """Return the id of a job's run, which begins with the video's name: ``film.mov~0123...`` and ``...~2``.

    Airflow allows few characters in it, so others become ``_``; what tells videos apart is the job's id.
    """
    shown = _UNFIT.sub("_", source_name.rpartition("/")[2])[:_NAME_LIMIT] or "video"
    return f"{shown}~{job}" if attempt == 1 else f"{shown}~{job}~{attempt}"


def look_up(book: RunBook, run_ids: Sequence[str]) -> list[Standing]:
    """Return what stands for each run id, in few questions where many have the same answer."""
    found: list[Standing] = []
    for start in range(0, len(run_ids), _BLOCK_RUNS):
        found += _look_up_block(book, run_ids[start : start + _BLOCK_RUNS])
    return found


def _look_up_block(book: RunBook, run_ids: Sequence[str]) -> list[Standing]:
    existing = book.count(run_ids, None)
    if existing == 0:
        return [Standing.ABSENT] * len(run_ids)
    if existing == len(run_ids):
        for standing, states in _STATES.items():
            if book.count(run_ids, states) == len(run_ids):
                return [standing] * len(run_ids)
    if len(run_ids) == 1:
        # Its state changed between two questions; whatever it is now, it is not one to start beside.
        return [Standing.UNDER_WAY]
    middle = len(run_ids) // 2
    return _look_up_block(book, run_ids[:middle]) + _look_up_block(book, run_ids[middle:])
