"""Which jobs' work objects may go: those of published films after some days, and those that nobody went on with.

Pure. Deleting work objects at any time costs work and never correctness: whatever is missing is made again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from encoding_contract.job import JobId
from encoding_contract.model import Document

_JOB = re.compile(r"jobs/(?P<id>[0-9a-f]{32})/")


class StoredAt(Protocol):
    """A work object, as a listing shows it."""

    @property
    def name(self) -> str:
        """Its whole name."""

    @property
    def size_bytes(self) -> int:
        """Its size."""

    @property
    def updated(self) -> datetime:
        """When it was written."""


class Reason(StrEnum):
    """Why a job's work objects may go."""

    PUBLISHED = "published"
    LEFT = "left behind"


class WorkOfJob(Document):
    """All work objects of one job."""

    job_id: JobId
    names: tuple[str, ...]
    size_bytes: int
    last_written: datetime


class Departure(Document):
    """A job whose work objects may go."""

    work: WorkOfJob
    reason: Reason


def group_by_job(objects: Iterable[StoredAt]) -> Iterator[WorkOfJob]:
    """Yield each job's objects, out of a listing in the order of names; what belongs to no job is passed over."""
    names: list[str] = []
    current, size_bytes, last = "", 0, None
    for stored in objects:
        match = _JOB.match(stored.name)
        if match is None:
            continue
        if match["id"] != current and names and last is not None:
            yield WorkOfJob(job_id=JobId(current), names=tuple(names), size_bytes=size_bytes, last_written=last)
            names, size_bytes, last = [], 0, None
        current = match["id"]
        names.append(stored.name)
        size_bytes += stored.size_bytes
        last = stored.updated if last is None else max(last, stored.updated)
    if names and last is not None:
        yield WorkOfJob(job_id=JobId(current), names=tuple(names), size_bytes=size_bytes, last_written=last)


def choose_departures(
    works: Iterable[WorkOfJob], published: Set[JobId], keep_days: float, left_days: float, now: datetime
) -> Iterator[Departure]:
    """Yield the jobs whose work objects may go.

    Args:
        works: the work objects of every job.
        published: the jobs whose output stands.
        keep_days: how long they stay after the last of them was written, where the output stands.
        left_days: the same where it does not: the run failed, or was deleted.
        now: the time of the look.
    """
    for work in works:
        age = now - work.last_written
        if work.job_id in published and age >= timedelta(days=keep_days):
            yield Departure(work=work, reason=Reason.PUBLISHED)
        elif age >= timedelta(days=max(keep_days, left_days)):
            yield Departure(work=work, reason=Reason.LEFT)
