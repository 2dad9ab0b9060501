"""Films of the tests, made with the wheel's ffmpeg; outputs are looked at frame by frame, without our own code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

import av
import imageio_ffmpeg

FRAME_RATE = 25
_SMALL = (32, 18)
_TIME_TOLERANCE = Fraction(1, 500)
_PICTURE_TOLERANCE = 12.0
"""Mean difference of grey values: neighbouring frames of the clip's counter and moving bars differ by less than
an encoder's blur at 32x18, so times tell frames apart; this tells a wrong picture, a grey one or another scene."""


def make_clip(path: Path, duration_s: int, seed: int = 0) -> Path:
    """Make a film of 320x180 with sound, whose picture changes all the time."""
    picture = f"testsrc2=size=320x180:rate={FRAME_RATE}:duration={duration_s},hue=h={seed}*10+t*12"
    _run(
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=frequency={300 + seed}:duration={duration_s}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)),
    )
    return path


def check_film(source: Path, output: Path) -> None:
    """Assert that the output shows the source's frames, each once, in order and at its time, with the whole sound.

    Where MAPREEL_JUDGE names a program, it is asked too.
    """
    frames = 0
    for number, (expected, found) in enumerate(zip_longest(_frames(source), _frames(output))):
        assert expected is not None, f"{output.name}: has frame {number}, the source has only {number}"
        assert found is not None, f"{output.name}: ends after {number} frames, the source goes on"
        assert abs(expected[0] - found[0]) <= _TIME_TOLERANCE, f"frame {number}: at {found[0]} s, not {expected[0]} s"
        difference = sum(abs(a - b) for a, b in zip(expected[1], found[1], strict=True)) / len(found[1])
        assert difference <= _PICTURE_TOLERANCE, f"frame {number}: shows another picture ({difference:.1f} of 255)"
        frames += 1
    assert frames > 0
    assert abs(_sound_s(source) - _sound_s(output)) < 0.1
    judge = os.environ.get("MAPREEL_JUDGE")
    if judge:
        done = subprocess.run(
            [sys.executable, judge, str(source), str(output)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def _frames(path: Path) -> Iterator[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        first: Fraction | None = None
        for frame in container.decode(stream):
            assert frame.pts is not None
            assert frame.time_base is not None
            time = frame.pts * frame.time_base
            first = time if first is None else first
            small = frame.reformat(width=_SMALL[0], height=_SMALL[1], format="gray")
            yield time - first, bytes(small.planes[0])


def _sound_s(path: Path) -> float:
    with av.open(str(path)) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(container.streams.audio[0]))


def _run(*arguments: str) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
