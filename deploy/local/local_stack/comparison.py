"""What a film's file says of itself, and two films side by side."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
from pydantic import BaseModel, ConfigDict
from rich.table import Table

_MICROSECONDS = 1_000_000


class FilmFacts(BaseModel):
    """A film's file, as PyAV reads it."""

    model_config = ConfigDict(frozen=True)

    size_bytes: int
    duration_s: float
    container: str
    video: str
    audio: str
    frames: int
    """Packets of the first video stream; a packet of an encoded film is a frame."""


def read_film(path: Path) -> FilmFacts:
    """Read a film's facts, counting its frames packet by packet."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        frames = sum(1 for packet in container.demux(video) if packet.size)
        return FilmFacts(
            size_bytes=path.stat().st_size,
            duration_s=(container.duration or 0) / _MICROSECONDS,
            container=container.format.long_name,
            video=f"{video.codec_context.name} {video.width}x{video.height} {_rate(video.average_rate)}",
            audio=", ".join(
                f"{track.codec_context.name} {track.layout.name} {track.rate} Hz" for track in container.streams.audio
            ),
            frames=frames,
        )


def compare(source: FilmFacts, source_frames: int, output: FilmFacts) -> Table:
    """Return a table of source and output.

    Args:
        source: the source.
        source_frames: its frames as split counted them; a source's packets need not be frames.
        output: the output.
    """
    table = Table("", "source", "output", title="Source and output", title_justify="left", min_width=60)
    size = f"{_size(output.size_bytes)} ({100 * output.size_bytes / max(1, source.size_bytes):.0f} %)"
    table.add_row("size", _size(source.size_bytes), size)
    table.add_row("duration", f"{source.duration_s:.3f} s", f"{output.duration_s:.3f} s")
    table.add_row("container", source.container, output.container)
    table.add_row("video", source.video, output.video)
    table.add_row("audio", source.audio or "none", output.audio or "none")
    table.add_row("frames", str(source_frames), str(output.frames))
    return table


def _rate(rate: Fraction | None) -> str:
    return f"{float(rate):.3f} fps" if rate else "variable rate"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.2f} MB"
