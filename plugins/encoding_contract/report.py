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
from encoding_contract.quality import FilmQuality, Metric, QualitySample

# Custom metadata of the output object. Keys are lower case: Cloud Storage sends them as HTTP headers.
META_JOB = "mapreel-job"
META_SOURCE_CRC32C = "mapreel-source-crc32c"
META_SOURCE_SIZE = "mapreel-source-size"
META_SOURCE_GENERATION = "mapreel-source-generation"
META_PROFILE = "mapreel-profile"
META_FINGERPRINT = "mapreel-profile-fingerprint"
META_BASE_FINGERPRINT = "mapreel-profile-base-fingerprint"
# Figures for a list of films, so that it need not read each report. An output without them is as good.
META_DURATION_US = "mapreel-duration-us"
META_FRAMES = "mapreel-frames"
META_CHUNKS = "mapreel-chunks"
META_ENCODE_S = "mapreel-encode-s"
META_METRIC = "mapreel-quality-metric"
META_MEAN = "mapreel-quality-mean"
META_WORST = "mapreel-quality-worst"
META_WORST_US = "mapreel-quality-worst-us"
META_SAMPLED = "mapreel-quality-frames"


class Summary(Document):
    """A film's figures, as a list of films shows them."""

    duration_us: int = Field(ge=0)
    frames: int = Field(ge=1)
    chunks: int = Field(ge=1)
    encode_s: float = Field(ge=0)
    """Wall-clock seconds of all chunks' encoders together: the film's duration over it is one encoder's speed."""
    quality: FilmQuality | None = None


class Published(Document):
    """What the metadata of a published output says of its making."""

    job_id: JobId
    source: Content
    profile: str
    profile_fingerprint: str
    base_fingerprint: str | None = None
    """Of the profile without the overrides of the run that made it; None where an earlier version published it."""
    summary: Summary | None = None
    """None where an earlier version published it."""

    def was_made_by(self, fingerprint: str) -> bool:
        """Tell whether a profile made it, as it is now, be it with overrides: somebody wanted it just so."""
        return fingerprint in (self.profile_fingerprint, self.base_fingerprint)


def publication_metadata(job: Job, summary: Summary | None = None) -> dict[str, str]:
    """Return the custom metadata that a published output carries."""
    base = {} if job.base_fingerprint is None else {META_BASE_FINGERPRINT: job.base_fingerprint}
    return (
        _summary_metadata(summary)
        | base
        | {
            META_JOB: job.id,
            META_SOURCE_CRC32C: job.source.content.crc32c,
            META_SOURCE_SIZE: str(job.source.content.size_bytes),
            META_SOURCE_GENERATION: str(job.source.generation),
            META_PROFILE: job.profile.name,
            META_FINGERPRINT: job.profile.fingerprint(),
        }
    )


def parse_publication(metadata: Mapping[str, str] | None) -> Published | None:
    """Return what an output's metadata says, or ``None`` where Mapreel did not publish it."""
    found = metadata or {}
    try:
        return Published(
            job_id=JobId(found[META_JOB]),
            source=Content(size_bytes=int(found[META_SOURCE_SIZE]), crc32c=found[META_SOURCE_CRC32C]),
            profile=found[META_PROFILE],
            profile_fingerprint=found[META_FINGERPRINT],
            base_fingerprint=found.get(META_BASE_FINGERPRINT),
            summary=_parse_summary(found),
        )
    except (KeyError, ValueError):
        return None


def _summary_metadata(summary: Summary | None) -> dict[str, str]:
    if summary is None:
        return {}
    metadata = {
        META_DURATION_US: str(summary.duration_us),
        META_FRAMES: str(summary.frames),
        META_CHUNKS: str(summary.chunks),
        META_ENCODE_S: str(summary.encode_s),
    }
    if (quality := summary.quality) is not None:
        metadata |= {
            META_METRIC: quality.metric.value,
            META_MEAN: str(quality.mean),
            META_WORST: str(quality.worst),
            META_WORST_US: str(quality.worst_us),
            META_SAMPLED: str(quality.sampled_frames),
        }
    return metadata


def _parse_summary(found: Mapping[str, str]) -> Summary | None:
    try:
        quality = None
        if META_METRIC in found:
            quality = FilmQuality(
                metric=Metric(found[META_METRIC]),
                mean=float(found[META_MEAN]),
                worst=float(found[META_WORST]),
                worst_us=int(found[META_WORST_US]),
                sampled_frames=int(found[META_SAMPLED]),
            )
        return Summary(
            duration_us=int(found[META_DURATION_US]),
            frames=int(found[META_FRAMES]),
            chunks=int(found[META_CHUNKS]),
            encode_s=float(found[META_ENCODE_S]),
            quality=quality,
        )
    except (KeyError, ValueError):
        # Somebody's edit, or a later version's figures: the output stands all the same.
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
    samples: tuple[QualitySample, ...] = ()
    """What was measured of it, by the metric of the film's quality."""


class Pictures(Document):
    """Names of the pictures that stand beside an output, in its bucket; ``None`` for one that could not be made."""

    thumbnail: str | None = None
    """JPEG, 320 pixels wide."""
    contact_sheet: str | None = None
    """JPEG: frames at even distances."""
    chart: str | None = None
    """SVG: bits and quality over time."""


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
    quality: FilmQuality | None = None
    pictures: Pictures = Pictures()

    def summarize(self) -> Summary:
        """Return the figures that the output's own metadata carries."""
        return Summary(
            duration_us=self.duration_us,
            frames=self.frames,
            chunks=len(self.chunks),
            encode_s=round(sum(chunk.timing.wall_s for chunk in self.chunks), 3),
            quality=self.quality,
        )
