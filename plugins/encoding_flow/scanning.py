"""From a listing of the input and what is published to the videos that an encoding run shall be started for.

Pure: no bucket, no Airflow. What decides is the published output's own metadata, so nothing else must survive.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import NamedTuple, Protocol, Self

from pydantic import AwareDatetime, Field, model_validator

from encoding_contract.endings import is_video_name
from encoding_contract.job import Content, JobId, ObjectAddress, job_id
from encoding_contract.model import Document
from encoding_contract.objects import output_stem
from encoding_contract.profile import Container, Profile
from encoding_contract.report import Published

_ENDINGS = tuple(container.value for container in Container)


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


class Made(NamedTuple):
    """What a scan remembers of an output: there may be 100,000 of them."""

    size_bytes: int
    crc32c: str
    fingerprint: str
    base_fingerprint: str

    @classmethod
    def of(cls, published: Published) -> Self:
        """Keep what matters of a publication; equal fingerprints share their memory."""
        content = published.source
        fingerprints = (published.profile_fingerprint, published.base_fingerprint or "")
        return cls(content.size_bytes, content.crc32c, *map(sys.intern, fingerprints))

    def was_made_by(self, fingerprint: str) -> bool:
        """Answer as the publication does."""
        return fingerprint in (self.fingerprint, self.base_fingerprint)


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
    active_limit: int = Field(default=64, ge=1)
    """No runs are started beyond so many that are under way."""
    reprocess: bool = False
    """Take stale ones too."""
    is_yielding: bool = True
    """Leave a video alone while any run is at it, with whatever settings: somebody wanted it just so."""

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
    published: Mapping[str, Made],
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
        verdict = _judge(listed, input_prefix, published, output_prefix, fingerprint, rules)
        if verdict is Verdict.NEW or (verdict is Verdict.STALE and rules.reprocess):
            arrived = listed.updated
            if now - arrived < timedelta(seconds=rules.min_age_s):
                verdict = Verdict.YOUNG
            else:
                content = Content(size_bytes=listed.size_bytes, crc32c=listed.crc32c)
                source = ObjectAddress(bucket=bucket, name=listed.name)
                identity = job_id(source, content, rules.profile)
                candidates.append(Candidate(source=source, job_id=identity, arrived=arrived, verdict=verdict))
        counts[verdict] += 1
    candidates.sort(key=lambda candidate: (candidate.arrived, candidate.source.name))
    return Survey(candidates=tuple(candidates), counts=dict(counts))


def _judge(
    listed: Listed,
    input_prefix: str,
    published: Mapping[str, Made],
    output_prefix: str,
    fingerprint: str,
    rules: ScanRules,
) -> Verdict:
    if not is_video_name(listed.name):
        return Verdict.NO_VIDEO
    name = listed.name.removeprefix(input_prefix)
    is_wanted = (
        name.startswith(rules.prefix)
        and (not rules.include or any(fnmatchcase(name, pattern) for pattern in rules.include))
        and not any(fnmatchcase(name, pattern) for pattern in rules.exclude)
        and rules.min_size_bytes <= listed.size_bytes
        and (rules.max_size_bytes is None or listed.size_bytes <= rules.max_size_bytes)
        and _is_in_interval(listed, rules)
    )
    if not is_wanted:
        return Verdict.FILTERED
    # A film may have been encoded by hand with a profile of another container: that is an output of it, too.
    stem = output_stem(output_prefix, listed.name)
    outputs = [output for ending in _ENDINGS if (output := published.get(stem + ending)) is not None]
    made = [output for output in outputs if output[:2] == (listed.size_bytes, listed.crc32c)]
    if not made:
        return Verdict.NEW
    return Verdict.UNCHANGED if any(output.was_made_by(fingerprint) for output in made) else Verdict.STALE


def _is_in_interval(listed: Listed, rules: ScanRules) -> bool:
    if rules.arrived_from is not None and listed.updated < rules.arrived_from:
        return False
    return rules.arrived_until is None or listed.updated < rules.arrived_until
