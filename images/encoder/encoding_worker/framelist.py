"""The frames that a decoder gives: PTS and checksum of each, as ffmpeg's framecrc muxer lists them.

https://ffmpeg.org/ffmpeg-formats.html#framecrc
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from encoding_contract.errors import EncoderFault

_NO_PTS = -(2**63)


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame: PTS in the track's time base (``None`` where it has none), and the Adler-32 of its pixels."""

    pts: int | None
    checksum: str


def parse_framecrc(text: str, time_base: Fraction, offset: int = 0, unit: Fraction | None = None) -> list[Frame]:
    """Parse framecrc output.

    Args:
        text: what the muxer wrote.
        time_base: the track's, in seconds.
        offset: added to each PTS.
        unit: seconds that one tick of the listed time base stands for; the listed time base itself if left out.

    Raises:
        EncoderFault: it is no such list, or a PTS is no whole number of ticks.
    """
    listed = Fraction(1, 1)
    frames: list[Frame] = []
    for line in text.splitlines():
        if line.startswith("#tb 0:"):
            listed = Fraction(line.split(":")[1].strip())
        elif line and not line.startswith("#"):
            fields = [field.strip() for field in line.split(",")]
            frames.append(Frame(_ticks(fields[2], unit or listed, time_base, offset), fields[5]))
    return frames


def _ticks(text: str, listed: Fraction, time_base: Fraction, offset: int) -> int | None:
    if text == "NOPTS" or int(text) == _NO_PTS:
        return None
    ticks = int(text) * listed / time_base
    if ticks.denominator != 1:
        raise EncoderFault(f"frame list: PTS {text} x {listed} s is no whole number of ticks of {time_base} s")
    return int(ticks) + offset


def format_frames(frames: list[Frame]) -> str:
    """Write a frame list: a line for each frame, PTS and checksum."""
    return "".join(f"{frame.pts} {frame.checksum}\n" for frame in frames)


def parse_frames(text: str) -> list[Frame]:
    """Read what ``format_frames`` wrote."""
    pairs = (line.split() for line in text.splitlines())
    return [Frame(None if pts == "None" else int(pts), checksum) for pts, checksum in pairs]
