"""How near encoded frames are to those that went into the encoder, measured on samples, and one figure for a film."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pydantic import Field

from encoding_contract.model import Document


class Metric(StrEnum):
    """What is measured."""

    VMAF = "vmaf"
    """0 to 100, 100 is no visible difference: https://github.com/Netflix/vmaf, model v0.6.1, at the encoded size."""


class QualitySample(Document):
    """Consecutive frames of a film, compared one by one."""

    start_us: int = Field(ge=0)
    """From the film's first frame, in microseconds."""
    frames: int = Field(ge=1)
    score: float = Field(ge=0, le=100)
    """The mean over its frames."""


class ChunkQuality(Document):
    """What was measured of one chunk."""

    metric: Metric
    samples: tuple[QualitySample, ...] = Field(min_length=1)


class FilmQuality(Document):
    """One figure for a film, and where it is worst."""

    metric: Metric
    mean: float = Field(ge=0, le=100)
    """Over all chunks that were measured, each by the number of its frames."""
    worst: float = Field(ge=0, le=100)
    """The sample with the lowest score."""
    worst_us: int = Field(ge=0)
    """Where that sample begins, from the film's first frame."""
    sampled_frames: int = Field(ge=1)
    """How many frames were looked at."""


def sum_up(chunks: Iterable[tuple[int, ChunkQuality]]) -> FilmQuality | None:
    """Return a film's quality, or ``None`` where nothing was measured.

    Args:
        chunks: the number of frames of each measured chunk, and what was measured of it.
    """
    weighted = frames = 0.0
    samples: list[QualitySample] = []
    for number, quality in chunks:
        looked_at = sum(sample.frames for sample in quality.samples)
        weighted += number * sum(sample.score * sample.frames for sample in quality.samples) / looked_at
        frames += number
        samples += quality.samples
    if not samples:
        return None
    worst = min(samples, key=lambda sample: (sample.score, sample.start_us))
    return FilmQuality(
        metric=Metric.VMAF,
        mean=round(min(100.0, weighted / frames), 2),
        worst=round(worst.score, 2),
        worst_us=worst.start_us,
        sampled_frames=sum(sample.frames for sample in samples),
    )
