"""From a listing of the input and what is published to the videos that an encoding run shall be started for.

Pure: no bucket, no Airflow. What decides is the published output's own metadata, so nothing else must survive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Protocol, Self

from pydantic import AwareDatetime, Field, model_validator

from encoding_contract.job import Content, JobId, ObjectAddress, job_id
from encoding_contract.model import Document
from encoding_contract.objects import output_name
from encoding_contract.profile import Container, Profile
from encoding_contract.report import Published

# fmt: off
VIDEO_ENDINGS = frozenset({
    "3g2", "3gp", "amv", "asf", "avi", "divx", "dv", "f4v", "flv", "ivf", "m1v", "m2t", "m2ts", "m2v", "m4v",
    "mjpeg", "mjpg", "mk3d", "mkv", "mod", "mov", "mp4", "mpe", "mpeg", "mpg", "mpv", "mts", "mxf", "nut", "ogm",
    "ogv", "qt", "rm", "rmvb", "tod", "ts", "vob", "webm", "wmv", "wtv", "y4m",
})
# fmt: on
"""Names with another ending are passed over, and counted. What a file is in truth, the worker finds out."""


class Verdict(StrEnum):
    """What a scan says of an object."""

    NEW = "new"
    """No output made from this name and content stands."""
    STALE = "stale"
    """One stands, made with other settings."""
    UNCHANGED = "unchanged"
    NO_VIDEO = "no video by its ending"
    FILTERED = "outside the filters"
    YOUNG = "too young"
    """It may still be being replaced; a later scan takes it."""


class ScanRules(Document):
    """What a scan looks for."""

    profile: Profile
    prefix: str = ""
    """What names must begin with, below the input's own prefix."""
    include: tuple[str, ...] = ()
    """Shell patterns over the name below the input's prefix, of which one must match; none: all match."""
    exclude: tuple[str, ...] = ()
    min_age_s: int = Field(default=0, ge=0)
    min_size_bytes: int = Field(default=1, ge=0)
    max_size_bytes: int | None = Field(default=None, ge=1)
    arrived_from: AwareDatetime | None = None
    arrived_until: AwareDatetime | None = None
    limit: int = Field(default=50, ge=1)
    reprocess: bool = False
    """Take stale ones too."""

    @model_validator(mode="after")
    def _sizes_leave_room(self) -> Self:
        if self.max_size_bytes is not None and self.max_size_bytes < self.min_size_bytes:
            raise ValueError(f"max_size_bytes: is below min_size_bytes ({self.max_size_bytes} < {self.min_size_bytes})")
        return self


class Listed(Protocol):
    """An object of the input, as a listing shows it."""

    @property
    def name(self) -> str:
        """Its whole name."""

    @property
    def size_bytes(self) -> int:
        """Its size."""

    @property
    def crc32c(self) -> str:
        """Its checksum."""

    @property
    def updated(self) -> datetime:
        """When this content came."""


class Candidate(Document):
    """A video that an encoding run shall be started for."""

    source: ObjectAddress
    job_id: JobId
    arrived: AwareDatetime
    verdict: Verdict


class Survey(Document):
    """What a scan found."""

    candidates: tuple[Candidate, ...]
    """Oldest first; not yet limited, as some may be under way."""
    counts: dict[Verdict, int]


def survey_input(
    bucket: str,
    input_prefix: str,
    objects: Iterable[Listed],
    published: Mapping[str, Published],
    output_prefix: str,
    rules: ScanRules,
    now: datetime,
) -> Survey:
    """Judge each object of the input.

    Args:
        bucket: the input's bucket.
        input_prefix: the prefix of the input, which patterns do not see.
        objects: the listing of the input.
        published: outputs of Mapreel's making that stand, by their names.
        output_prefix: the prefix of the output.
        rules: what to look for.
        now: the time of the scan.
    """
    counts: Counter[Verdict] = Counter()
    candidates = []
    fingerprint = rules.profile.fingerprint()
    for listed in objects:
        verdict = _filter(listed, input_prefix, rules, now)
        if verdict is None:
            content = Content(size_bytes=listed.size_bytes, crc32c=listed.crc32c)
            verdict = _compare(listed.name, content, published, output_prefix, fingerprint)
            if verdict is Verdict.NEW or (verdict is Verdict.STALE and rules.reprocess):
                source = ObjectAddress(bucket=bucket, name=listed.name)
                identity = job_id(source, content, rules.profile)
                candidates.append(Candidate(source=source, job_id=identity, arrived=listed.updated, verdict=verdict))
        counts[verdict] += 1
    candidates.sort(key=lambda candidate: (candidate.arrived, candidate.source.name))
    return Survey(candidates=tuple(candidates), counts=dict(counts))


def is_video_name(name: str) -> bool:
    """Tell whether a name ends as a video's does."""
    _, dot, ending = name.rpartition(".")
    return bool(dot) and ending.lower() in VIDEO_ENDINGS


def _filter(listed: Listed, input_prefix: str, rules: ScanRules, now: datetime) -> Verdict | None:
    if not is_video_name(listed.name):
        return Verdict.NO_VIDEO
    name = listed.name.removeprefix(input_prefix)
    is_wanted = (
        name.startswith(rules.prefix)
        and (not rules.include or any(fnmatchcase(name, pattern) for pattern in rules.include))
        and not any(fnmatchcase(name, pattern) for pattern in rules.exclude)
        and rules.min_size_bytes <= listed.size_bytes
        and (rules.max_size_bytes is None or listed.size_bytes <= rules.max_size_bytes)
        and (rules.arrived_from is None or rules.arrived_from <= listed.updated)
        and (rules.arrived_until is None or listed.updated < rules.arrived_until)
    )
    if not is_wanted:
        return Verdict.FILTERED
    return Verdict.YOUNG if now - listed.updated < timedelta(seconds=rules.min_age_s) else None


def _compare(
    name: str, content: Content, published: Mapping[str, Published], output_prefix: str, fingerprint: str
) -> Verdict:
    # A film may have been encoded by hand with a profile of another container: that is an output of it, too.
    outputs = (published.get(output_name(output_prefix, name, container)) for container in Container)
    made = [output for output in outputs if output is not None and output.source == content]
    if not made:
        return Verdict.NEW
    return Verdict.UNCHANGED if any(output.profile_fingerprint == fingerprint for output in made) else Verdict.STALE
