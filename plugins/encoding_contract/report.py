"""What stands beside a published output: where it comes from, how it was made, what was proven, what is missing.

Also the metadata of the output object itself, by which a scan knows that a video is done; nothing else must survive.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from encoding_contract.job import Content, Job, JobId, ObjectAddress, Source
from encoding_contract.manifest import Timing
from encoding_contract.model import Document, VersionedDocument
from encoding_contract.profile import Profile

# Custom metadata of the output object. Keys are lower case: Cloud Storage sends them as HTTP headers.
META_JOB = "mapreel-job"
META_SOURCE_CRC32C = "mapreel-source-crc32c"
META_SOURCE_SIZE = "mapreel-source-size"
META_SOURCE_GENERATION = "mapreel-source-generation"
META_PROFILE = "mapreel-profile"
META_FINGERPRINT = "mapreel-profile-fingerprint"


class Published(Document):
    """What the metadata of a published output says of its making."""

    job_id: JobId
    source: Content
    profile: str
    profile_fingerprint: str


def publication_metadata(job: Job) -> dict[str, str]:
    """Return the custom metadata that a published output carries."""
    return {
        META_JOB: job.id,
        META_SOURCE_CRC32C: job.source.content.crc32c,
        META_SOURCE_SIZE: str(job.source.content.size_bytes),
        META_SOURCE_GENERATION: str(job.source.generation),
        META_PROFILE: job.profile.name,
        META_FINGERPRINT: job.profile.fingerprint(),
    }


def parse_publication(metadata: Mapping[str, str] | None) -> Published | None:
    """Return what an output's metadata says, or ``None`` where Mapreel did not publish it."""
    found = metadata or {}
    try:
        return Published(
            job_id=JobId(found[META_JOB]),
            source=Content(size_bytes=int(found[META_SOURCE_SIZE]), crc32c=found[META_SOURCE_CRC32C]),
            profile=found[META_PROFILE],
            profile_fingerprint=found[META_FINGERPRINT],
        )
    except (KeyError, ValueError):
        return None


class ReportedChunk(Document):
    """One chunk, as it was encoded."""

    index: int
    track: int
    start_s: float
    end_s: float
    frames: int
    size_bytes: int
    timing: Timing


class LeftOut(Document):
    """Something of the source that the output does not hold."""

    what: str
    """The stream or property by name: ``data stream 2 (tmcd)``."""
    reason: str


class Report(VersionedDocument):
    """What stands beside a published output."""

    job_id: JobId
    source: Source
    output: ObjectAddress
    output_content: Content
    profile: Profile
    container: str
    duration_us: int = Field(ge=0)
    frames: int = Field(ge=1)
    chunks: tuple[ReportedChunk, ...]
    proof: tuple[str, ...]
    """Each thing that was proven, in words and figures."""
    left_out: tuple[LeftOut, ...] = ()
    damage: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    versions: tuple[str, ...]
    commands: tuple[str, ...]
    merge_timing: Timing
    audio_timing: Timing
