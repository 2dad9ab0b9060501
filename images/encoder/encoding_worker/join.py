"""Joins the chunks of all video tracks into one stream, without encoding and without a rounded timestamp.

Each packet gets the time of the source's frame that it shows; decoding times follow from the order of the packets.
Chunks are fetched one at a time, each while the one before it is joined, so that scratch does not grow with the film.
"""

from __future__ import annotations

import heapq
import subprocess
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, zip_longest
from math import lcm
from pathlib import Path
from typing import TypeAlias

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from encoding_contract.errors import ProofFailed, UnsupportedEncoding
from encoding_contract.manifest import ChunkManifest
from encoding_contract.plan import Chunk, Plan, VideoTrack
from encoding_contract.profile import Container
from encoding_worker.chart import BitFlow
from encoding_worker.demuxing import open_media
from encoding_worker.task import Task
from encoding_worker.timeline import shift_to_middle

VideoPacket: TypeAlias = "Packet[VideoStream]"

_MILLISECOND = Fraction(1, 1000)
_MP4_TICK = Fraction(1, 16000)
"""The coarsest one: between frames a millisecond apart there is room for what is decoded before it is shown."""

MOST_MOVED = 20
"""Ticks of the container by which a frame may be moved to lie after the one before it."""


@dataclass(frozen=True)
class JoinedChunk:
    """A chunk with what is needed to join it."""

    chunk: Chunk
    manifest: ChunkManifest
    times: array[int]
    """PTS of its frames in the track's time base: 8 bytes for each, where a list would take 40."""


class Joiner:
    """Writes all video tracks of a job into one container that is read by ffmpeg as it grows.

    Args:
        task: the merge.
        plan: the plan.
        tracks: for each track its chunks in order.
        container: the output's; decides the clock: milliseconds for Matroska, the source's ticks for MP4.
    """

    def __init__(self, task: Task, plan: Plan, tracks: list[list[JoinedChunk]], container: Container) -> None:
        self._task = task
        self._plan = plan
        self._tracks = tracks
        self._container = container
        self.bases = [self._time_base(track) for track in plan.tracks]
        self.times = [self._times(position, base) for position, base in enumerate(self.bases)]
        """For each track the PTS of its frames on the middle clock, in ticks of its base."""
        self.flow = BitFlow(self.times[0])
        """The first track's bytes over time."""

    def _time_base(self, track: VideoTrack) -> Fraction:
        if self._container is not Container.MP4:
            return _MILLISECOND
        # MP4 counts ticks of 1/timescale: a base of 1001/24000 becomes 1/24000.
        base = Fraction(1, Fraction(track.time_base).denominator)
        return (
            base if base <= _MP4_TICK else Fraction(1, base.denominator * -(-_MP4_TICK.denominator // base.denominator))
        )

    @property
    def format(self) -> str:
        """The demuxer of what ``feed`` writes: Matroska counts milliseconds; NUT keeps a finer time base exactly."""
        return "nut" if self._container is Container.MP4 else "matroska"

    def feed(self, process: subprocess.Popen[bytes]) -> None:
        """Write everything into a process' standard input."""
        assert process.stdin is not None
        output = av.open(process.stdin, "w", format=self.format)
        streams = [self._add_stream(output, position) for position in range(len(self._tracks))]
        flows = [self._packets(position, stream) for position, stream in enumerate(streams)]
        for _, _, packet in heapq.merge(*flows, key=lambda item: item[:2]):
            output.mux(packet)
        output.close()

    def is_steady(self, position: int) -> bool:
        """Say whether a track's frames all lie equally far apart, but for a tick by rounding."""
        times = self.times[position]
        gaps = array("q", (after - before for before, after in pairwise(times)))
        return not gaps or max(gaps) - min(gaps) <= 1

    def _reordered(self, position: int) -> int:
        return max(joined.manifest.reordered for joined in self._tracks[position])

    def _add_stream(self, output: OutputContainer, position: int) -> VideoStream:
        first = self._tracks[position][0]
        path = self._fetch(first)
        with open_media(f"file:{path}", "chunk") as container:
            template = container.streams.video[0]
            stream = output.add_stream_from_template(template, opaque=True)
            stream.time_base = self.bases[position]
        return stream

    def _fetch(self, joined: JoinedChunk) -> Path:
        path = self._task.scratch / f"join-{joined.chunk.track}-{joined.chunk.index:06d}.mkv"
        if not path.exists():
            self._task.store.download(
                self._task.address(joined.manifest.video.name), path, joined.manifest.video.content
            )
        return path

    def _fetch_in_order(self, track: list[JoinedChunk]) -> Iterator[tuple[JoinedChunk, Path]]:
        """Yield each chunk with its file; the next one is fetched meanwhile."""
        with ThreadPoolExecutor(1) as fetcher:
            fetched = fetcher.submit(self._fetch, track[0])
            for joined, following in zip_longest(track, track[1:]):
                path = fetched.result()
                if following is not None:
                    fetched = fetcher.submit(self._fetch, following)
                yield joined, path

    def _packets(self, position: int, stream: VideoStream) -> Iterator[tuple[int, int, VideoPacket]]:
        """Yield a track's packets in decoding order, each with its decoding time in nanoseconds, rounded down."""
        base = self.bases[position]
        tick_ns = base * 1_000_000_000
        clock = _Clock(self.times[position], self._reordered(position), self._end(position, base))
        headers: bytes | None = None
        for joined, path in self._fetch_in_order(self._tracks[position]):
            ranks = self._rank(joined, path)
            with open_media(f"file:{path}", f"chunk {joined.chunk.index}") as container:
                source = container.streams.video[0]
                found = bytes(source.codec_context.extradata or b"")
                if headers is not None and found != headers:
                    raise ProofFailed(
                        f"job {self._task.job.id} chunk {joined.chunk.index}: its parameter sets differ from those of "
                        "the chunks before; clear it, so that one version encodes all"
                    )
                headers = found
                for packet in _filled(container, source):
                    pts, dts, duration = clock.next(ranks[_pts(packet)])
                    packet.pts, packet.dts, packet.duration = pts, dts, duration
                    packet.time_base = base
                    packet.stream = stream
                    if position == 0:
                        self.flow.take(pts, packet.size)
                    yield dts * tick_ns.numerator // tick_ns.denominator, position, packet
            clock.advance(len(ranks))
            path.unlink()

    def _rank(self, joined: JoinedChunk, path: Path) -> dict[int, int]:
        """Return a chunk's PTS with their places in presentation order.

        Read in a pass of its own: held until their places are known, the packets would fill the memory.
        """
        with open_media(f"file:{path}", f"chunk {joined.chunk.index}") as container:
            found = [_pts(packet) for packet in _filled(container, container.streams.video[0])]
        ranks = {pts: rank for rank, pts in enumerate(sorted(found))}
        if not len(ranks) == len(found) == len(joined.times):
            raise ProofFailed(
                f"job {self._task.job.id} chunk {joined.chunk.index}: {len(joined.times)} frames expected, "
                f"{len(ranks)} found; clear it"
            )
        return ranks

    def _times(self, position: int, base: Fraction) -> array[int]:
        """Return the output's PTS of all frames of a track, on the middle clock, strictly increasing.

        Two frames within one tick of the container are moved apart by a tick; more than that is refused.
        """
        track = self._plan.tracks[position]
        # In MP4 what is decoded before it is shown has its times between the first two frames (mux.py).
        room = self._reordered(position) + 1 if self._container is Container.MP4 else 1
        source_base, shift = Fraction(track.time_base), self._shift(position, base)
        times = array("q")
        moved = 0
        # In whole numbers over one denominator: Fractions of 200,000 frames take seconds.
        scale, offset = source_base / base, shift / base
        over = lcm(scale.denominator, offset.denominator)
        ticks, before = int(scale * over), int(offset * over)
        for joined in self._tracks[position]:
            for pts in joined.times:
                exact = (2 * (pts * ticks + before) + over) // (2 * over)
                least = exact if not times else times[-1] + (room if len(times) == 1 else 1)
                times.append(max(exact, least))
                moved = max(moved, times[-1] - exact)
        if moved > MOST_MOVED:
            raise UnsupportedEncoding(
                f"job {self._task.job.id}: {self._container.value} counts in {float(base) * 1000:g} ms, and frames of "
                f"video stream {track.stream} lie closer together; take container: mp4"
            )
        return times

    def _end(self, position: int, base: Fraction) -> int:
        """Return where a track's last frame ends, in ticks of the output.

        A source may state no duration: its film then ends a tick of its own after the last frame's beginning, and the
        last frame lasts as long as the one before.
        """
        track, times = self._plan.tracks[position], self.times[position]
        if track.end_pts - self._tracks[position][-1].times[-1] <= 1 and len(times) > 1:
            return 2 * times[-1] - times[-2]
        return round((track.end_pts * Fraction(track.time_base) + self._shift(position, base)) / base)

    def _shift(self, position: int, base: Fraction) -> Fraction:
        """Return what is added to source time: whole ticks, so that no time is rounded."""
        shift = shift_to_middle(self._plan)
        return shift if base == _MILLISECOND else round(shift / base) * base

    def shift_error(self) -> Fraction:
        """Return how far the joined tracks lie behind the middle clock, in seconds."""
        return self._shift(0, self.bases[0]) - shift_to_middle(self._plan)


def _filled(container: InputContainer, stream: VideoStream) -> Iterator[VideoPacket]:
    return (packet for packet in container.demux(stream) if packet.size)


def _pts(packet: VideoPacket) -> int:
    if packet.pts is None:
        raise ProofFailed("an encoded packet has no timestamp; clear the chunk")
    return packet.pts


class _Clock:
    """Gives packets in decoding order their times.

    A packet's decoding time is the presentation time of the frame as many places before it in presentation order as the
    encoder reorders at most; so it is never after its own presentation time, and always increases.
    """

    def __init__(self, times: array[int], reordered: int, end: int) -> None:
        self._times = times
        self._end = end
        self._reordered = reordered
        self._first = 0
        self._place = 0
        self._last: int | None = None

    def next(self, rank: int) -> tuple[int, int, int]:
        """Return PTS, DTS and duration of the next packet, which shows frame ``rank`` of the current chunk."""
        number = self._first + rank
        pts = self._times[number]
        place = self._place - self._reordered
        dts = self._times[place] if place >= 0 else self._times[0] + place
        if place < 0 and len(self._times) > 1:
            # Squeezed in between the first two frames where there is room, so that nothing lies before the first.
            room = self._times[1] - self._times[0]
            if room > self._reordered:
                dts = self._times[0] + self._place
        if self._last is not None and dts <= self._last:
            dts = self._last + 1
        if dts > pts:
            raise ProofFailed(f"frame {number} would be decoded after it is shown; clear the chunk that holds it")
        self._last = dts
        self._place += 1
        following = number + 1
        duration = max(1, (self._times[following] if following < len(self._times) else self._end) - pts)
        return pts, dts, duration

    def advance(self, frames: int) -> None:
        """Go on to the next chunk."""
        self._first += frames
