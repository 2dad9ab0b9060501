"""How near a chunk's encoded frames are to those that went into its encoder: VMAF, over a few short windows.

The frames of the windows are kept as they go into the encoder (scaled, in its pixel format), so that both sides are
paired by number and nothing of the source has to be found again. What cannot be measured is a note, and no fault.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from encoding_contract.errors import MapreelError
from encoding_contract.plan import Chunk, VideoTrack
from encoding_contract.quality import ChunkQuality, Metric, QualitySample
from encoding_worker import settings as environment
from encoding_worker.demuxing import as_arguments
from encoding_worker.ffmpeg import run_ffmpeg
from encoding_worker.interruption import interruption
from encoding_worker.pixels import describe_pixels

logger = logging.getLogger(__name__)

KEPT_BYTES = 256 * 1024 * 1024
"""Raw frames that may lie in the scratch: 82 of 1080p, 10 of 2160p with 10 bits."""

_FRAMES_PER_WINDOW = 12
_CHUNK_FRAMES_PER_WINDOW = 1000
_MOST_WINDOWS = 16
_CPU_SHARE = 0.015
"""Of the encoder's CPU time; the first window is measured in any case."""
_SMALL_PIXELS = 50_000_000
"""A chunk of fewer is encoded in a second or two, and a program's start alone would be a tenth of that."""
_SMALL_EVERY = 10
"""Of such chunks only each tenth is measured."""
_LEAST_SIDE = 32
"""ffmpeg's libvmaf crashes at pictures of 16 lines or columns."""


@dataclass(frozen=True)
class Window:
    """Consecutive frames of a chunk, by their number within it."""

    first: int
    frames: int

    @property
    def end(self) -> int:
        """One past the last frame."""
        return self.first + self.frames


@dataclass(frozen=True)
class Shown:
    """The packets of an encoded chunk, in milliseconds of its file."""

    times: list[int]
    """PTS of its frames, in order."""
    keyframes: list[int]
    """PTS of those at which decoding can begin."""


def choose_windows(chunk: Chunk, width: int, height: int, pixel_format: str) -> list[Window]:
    """Return the windows of a chunk, evenly spread; none where it is not worth it."""
    if chunk.frames * width * height < _SMALL_PIXELS and chunk.index % _SMALL_EVERY:
        return []
    if min(width, height) < _LEAST_SIDE:
        return []
    chroma, bits = describe_pixels(pixel_format)
    samples = {"420": Fraction(3, 2), "422": Fraction(2), "444": Fraction(3)}[chroma] + pixel_format.startswith("yuva")
    room = int(KEPT_BYTES / (samples * width * height * (2 if bits > 8 else 1))) - 1
    number = min(_MOST_WINDOWS, max(1, chunk.frames // _CHUNK_FRAMES_PER_WINDOW), room)
    if number < 1:
        return []
    frames = min(_FRAMES_PER_WINDOW, room // number, chunk.frames)
    # In the middle of equal parts: at a chunk's very beginning there is always a keyframe, which is no fair sample.
    return [Window((chunk.frames * (2 * at + 1) // number - frames) // 2, frames) for at in range(number)]


class Sampling:
    """The frames that are kept on their way into an encoder, and what they are compared with afterwards.

    Args:
        windows: at least one.
        pixel_format: the encoder's.
        track: the source's.
        folder: the scratch.
        what: what is being done, for messages.
        reading: options of ffmpeg's program that read the encoded chunk.
    """

    def __init__(
        self,
        windows: list[Window],
        pixel_format: str,
        track: VideoTrack,
        folder: Path,
        what: str,
        reading: Mapping[str, str],
    ) -> None:
        self._reading = reading
        self._windows = windows
        self._pixel_format = pixel_format
        self._track = track
        self._folder = folder
        self._what = what
        self.path = folder / "sampled.nut"

    @property
    def expression(self) -> str:
        """For ffmpeg's filter ``select``, over frames counted from 0. The first is always kept: an output without any
        frame would make ffmpeg fail.
        """
        return "+".join(["eq(n,0)", *(f"between(n,{window.first},{window.end - 1})" for window in self._windows)])

    def measure(
        self, video: Path, shown: Shown, times: list[int], encoder_cpu_s: float
    ) -> tuple[ChunkQuality | None, str]:
        """Compare the kept frames with the encoded ones.

        Args:
            video: the encoded chunk.
            shown: its packets.
            times: the PTS of the chunk's frames in the track's time base.
            encoder_cpu_s: what the encode took; measuring stops at a small share of it.

        Returns:
            What was measured, and a note of what could not be.
        """
        samples: list[QualitySample] = []
        note = ""
        spent = 0.0
        # Every other window first, so that a measurement that ends early has still seen both ends.
        for window in self._windows[::2] + self._windows[1::2]:
            if window.end > len(times) or (samples and spent * (1 + 1 / len(samples)) > _CPU_SHARE * encoder_cpu_s):
                continue
            before = os.times()
            try:
                score = self._compare(video, window, shown)
            except (MapreelError, OSError, ValueError, KeyError) as error:
                interruption.check()
                reason = " ".join(str(error).split())[:300]
                note = f"{self._what}: quality was not measured at frame {window.first}: {reason}"
                logger.warning("%s", note)
                continue
            after = os.times()
            spent += after.children_user + after.children_system - before.children_user - before.children_system
            start = self._track.seconds(times[window.first] - self._track.first_pts)
            samples.append(
                QualitySample(start_us=max(0, round(start * 1_000_000)), frames=window.frames, score=round(score, 2))
            )
        self.path.unlink(missing_ok=True)
        if not samples:
            return None, note
        samples.sort(key=lambda sample: sample.start_us)
        logger.info(
            "%s: VMAF %s, for %.1f s of CPU", self._what, ", ".join(f"{sample.score:g}" for sample in samples), spent
        )
        return ChunkQuality(metric=Metric.VMAF, samples=tuple(samples)), note

    def _compare(self, video: Path, window: Window, shown: Shown) -> float:
        """Return the mean VMAF of a window's frames."""
        kept_first = self._place(window)
        start = shown.times[window.first]
        key = max((pts for pts in shown.keyframes if pts <= start), default=shown.times[0])
        log = "vmaf.json"
        chroma, bits = describe_pixels(self._pixel_format)
        # Compared as numbers, by whatever matrix; of some, ffmpeg's scaler and what stands for it take none.
        same = f"setparams=colorspace=bt709,settb=1/25,setpts=N,format=yuv{chroma}p{'' if bits == 8 else f'{bits}le'}"
        graph = (
            f"[0:v:0]trim=start_frame={kept_first}:end_frame={kept_first + window.frames},{same}[kept];"
            f"[1:v:0]settb=1/1000,trim=start_pts={start}:end_pts={shown.times[window.end - 1] + 1},{same}[encoded];"
            # Without these two a frame that is missing at the end would be made up by repeating the one before.
            f"[encoded][kept]libvmaf=log_fmt=json:log_path={log}:n_threads={environment.threads()}:shortest=1:repeatlast=0"
        )
        threads = str(environment.threads())
        arguments = ["-f", "nut", "-i", f"file:{self.path}", "-threads", threads]
        # The chunk's own clock, and from exactly this keyframe on; trim drops what lies before the window.
        arguments += ["-copyts", "-seek_timestamp", "1", "-noaccurate_seek", "-ss", f"{key}ms", "-noautorotate"]
        arguments += as_arguments(self._reading)
        arguments += ["-i", f"file:{video}", "-filter_complex", graph, "-f", "null", "-"]
        run_ffmpeg(arguments, f"{self._what} quality", cwd=self._folder)
        path = self._folder / log
        frames = json.loads(path.read_text())["frames"]
        path.unlink()
        if len(frames) != window.frames:
            raise ValueError(f"expected {window.frames} pairs of frames, found {len(frames)}")
        return min(100.0, max(0.0, sum(float(frame["metrics"]["vmaf"]) for frame in frames) / len(frames)))

    def _place(self, window: Window) -> int:
        """Return where a window begins among the kept frames."""
        kept = sorted({0, *(n for each in self._windows for n in range(each.first, each.end))})
        return kept.index(window.first)
