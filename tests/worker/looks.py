"""An own look into a film with PyAV, without the worker's code: what is shown and heard, when, and what is said."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame

from tests.worker.films import BITS

_THUMBNAIL = (40, 24)
_HZ = 8000
_BLOCK = _HZ // 1000
_LOUD = 3000
_QUIET_MS = 200


@dataclass(frozen=True)
class Shown:
    """A decoded frame."""

    time: Fraction | None
    number: int
    """What its upper half shows as bits."""
    picture: bytes
    """A thumbnail in grey."""


@dataclass(frozen=True)
class Heard:
    """A decoded audio track; times in seconds, on the film's own clock."""

    start: Fraction
    seconds: Fraction
    onsets: list[float]
    """When a tone begins."""


@dataclass(frozen=True)
class Said:
    """What a container says of one of its streams."""

    kind: str
    language: str | None
    title: str | None
    dispositions: frozenset[str]
    channels: int | None


def open_film(path: Path) -> InputContainer:
    """Open a film; the name is no option and no protocol."""
    return av.open(f"file:{path}")


def look_at_frames(path: Path, position: int = 0) -> list[Shown]:
    """Decode all frames of a video track, in order of presentation."""
    shown = []
    with open_film(path) as film:
        stream = film.streams.video[position]
        base = Fraction(stream.time_base or 1)
        for frame in film.decode(stream):
            picture = _pixels(frame, *_THUMBNAIL)
            shown.append(Shown(None if frame.pts is None else frame.pts * base, _read_number(picture), picture))
    return shown


def _pixels(frame: VideoFrame, width: int, height: int) -> bytes:
    frame.colorspace = 1  # whichever it is: only luma is looked at, and ffmpeg's scaler takes no picture of some
    plane = frame.reformat(width, height, "gray", interpolation="AREA").planes[0]
    raw = bytes(plane)
    return b"".join(raw[y * plane.line_size : y * plane.line_size + width] for y in range(height))


def _read_number(picture: bytes) -> int:
    width, height = _THUMBNAIL
    row = picture[height // 4 * width :][:width]
    return sum(1 << bit for bit in range(BITS) if row[(2 * bit + 1) * width // BITS // 2] > 125)


def difference(one: bytes, other: bytes) -> float:
    """Return the mean difference of two thumbnails, of 255."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


def listen(path: Path, position: int = 0) -> Heard:
    """Decode an audio track."""
    samples = array("h")
    start: Fraction | None = None
    total = Fraction(0)
    with open_film(path) as film:
        stream = film.streams.audio[position]
        resampler = av.AudioResampler("s16", "mono", _HZ)
        for frame in film.decode(stream):
            if start is None:
                start = (frame.pts or 0) * Fraction(frame.time_base or 1)
            total += Fraction(frame.samples, frame.sample_rate)
            frame.pts = None
            for piece in resampler.resample(frame):
                samples.frombytes(bytes(piece.planes[0])[: piece.samples * 2])
    assert start is not None, f"{path}: audio track {position} is silent"
    onsets, quiet = [], _QUIET_MS
    for at in range(0, len(samples) - _BLOCK, _BLOCK):
        if max(map(abs, samples[at : at + _BLOCK])) < _LOUD:
            quiet += 1
            continue
        if quiet >= _QUIET_MS:
            onsets.append(float(start) + at / _HZ)
        quiet = 0
    return Heard(start, total, onsets)


def listen_to_what_is_said(path: Path) -> list[Said]:
    """Return what the container says of each stream, in order."""
    with open_film(path) as film:
        return [
            Said(
                kind=stream.type,
                language=stream.metadata.get("language", "und").replace("und", "") or None,
                title=stream.metadata.get("title"),
                dispositions=frozenset(str(flag.name) for flag in Disposition if flag and flag in stream.disposition),
                channels=stream.codec_context.channels if stream.type == "audio" else None,
            )
            for stream in film.streams
        ]


def read_chapters(path: Path) -> list[tuple[int, int, str | None]]:
    """Return start and end in milliseconds, and title, of each chapter."""
    with open_film(path) as film:
        return [
            (
                round(chapter["start"] * Fraction(chapter["time_base"] or 1) * 1000),
                round(chapter["end"] * Fraction(chapter["time_base"] or 1) * 1000),
                chapter["metadata"].get("title"),
            )
            for chapter in film.chapters()
        ]


def read_lines(path: Path, position: int) -> list[tuple[int, int, str]]:
    """Return start and length in milliseconds, and text, of each line of a subtitle track."""
    with open_film(path) as film:
        stream = film.streams.subtitles[position]
        base = Fraction(stream.time_base or 1) * 1000
        return [
            (round(packet.pts * base), round((packet.duration or 0) * base), bytes(packet).decode().split(",")[-1])
            for packet in film.demux(stream)
            if packet.size and packet.pts is not None
        ]


def check_frames(source: Path, output: Path, tick: Fraction = Fraction(1, 1000)) -> int:
    """Assert that an output shows the source's frames, each once, in order and at its time; return their number.

    Args:
        source: the source.
        output: the output.
        tick: how far a frame may lie off its time, in seconds.
    """
    before, after = look_at_frames(source), look_at_frames(output)
    assert len(before) > 0
    assert [frame.number for frame in after] == [frame.number for frame in before]
    for number, (want, got) in enumerate(zip(before, after, strict=True)):
        off = difference(want.picture, got.picture)
        assert off < 6, f"frame {number} looks otherwise: {off:.1f} of 255"
    times = [frame.time for frame in before]
    if is_increasing(times):
        for number, (want, got) in enumerate(zip(before, after, strict=True)):
            late = (got.time or 0) - (after[0].time or 0) - (want.time or 0) + (before[0].time or 0)
            assert abs(late) <= tick, f"frame {number} is {float(late) * 1000:+.2f} ms off its time"
    assert is_increasing([frame.time for frame in after])
    return len(after)


def is_increasing(times: list[Fraction | None]) -> bool:
    """Tell whether all frames have a time, each a later one."""
    return all(time is not None for time in times) and all(a < b for a, b in pairwise(times))  # type: ignore[operator]


def check_sound(source: Path, output: Path, position: int = 0) -> None:
    """Assert that the same is heard at the same time beside the same pictures, for as long."""
    want, got = listen(source, position), listen(output, position)
    zero = look_at_frames(source)[0].time or Fraction(0)
    new_zero = look_at_frames(output)[0].time or Fraction(0)
    assert abs(got.seconds - want.seconds) < Fraction(45, 1000), f"{float(got.seconds)} s, not {float(want.seconds)} s"
    assert abs((got.start - new_zero) - (want.start - zero)) < Fraction(30, 1000)
    assert len(got.onsets) == len(want.onsets) > 0
    for a, b in zip(want.onsets, got.onsets, strict=True):
        late = (b - float(new_zero)) - (a - float(zero))
        assert abs(late) < 0.006, f"the tone of {a:.3f} s is heard {late * 1000:+.1f} ms off"
