"""A published video's figures for Airflow's own metrics: StatsD, Datadog or OpenTelemetry, whichever is switched on.

Counters, so that a dashboard can add them up over videos and time; each has the tag ``profile``. Tries and failures of
tasks are counted by Airflow itself (``ti_failures``, ``ti.finish``), and not once more here.
"""

from __future__ import annotations

from enum import StrEnum

from airflow.sdk.observability import stats

from encoding_contract.job import Job
from encoding_contract.report import Published


class Figure(StrEnum):
    """Names of the metrics, below Airflow's own prefix."""

    VIDEOS = "mapreel.videos"
    SECONDS = "mapreel.seconds"
    """Length of the films, in whole seconds."""
    FRAMES = "mapreel.frames"
    ENCODE_SECONDS = "mapreel.encode_seconds"
    """Wall-clock seconds of all encoders."""
    CHUNKS = "mapreel.chunks"
    BYTES_IN = "mapreel.bytes_in"
    BYTES_OUT = "mapreel.bytes_out"
    QUALITY = "mapreel.quality"
    """A gauge: VMAF of the last video."""


def count_video(job: Job, published: Published | None, output_bytes: int) -> dict[Figure, float]:
    """Add one published video to the metrics; return what was added."""
    counted: dict[Figure, float] = {
        Figure.VIDEOS: 1,
        Figure.BYTES_IN: job.source.content.size_bytes,
        Figure.BYTES_OUT: output_bytes,
    }
    summary = published.summary if published else None
    if summary is not None:
        counted |= {
            Figure.SECONDS: round(summary.duration_us / 1_000_000),
            Figure.FRAMES: summary.frames,
            Figure.CHUNKS: summary.chunks,
            Figure.ENCODE_SECONDS: round(summary.encode_s),
        }
    tags = {"profile": job.profile.name}
    for figure, value in counted.items():
        stats.incr(figure.value, int(value), tags=tags)
    if summary is not None and summary.quality is not None:
        counted[Figure.QUALITY] = summary.quality.mean
        stats.gauge(Figure.QUALITY.value, summary.quality.mean, tags=tags)
    return counted
