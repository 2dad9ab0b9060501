"""Looks into the finished film before it is published: frames and times against the plan, streams against the source,
and a decode of every border.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from math import lcm
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from encoding_contract.errors import ProofFailed
from encoding_contract.plan import Plan, SourceStream, StreamKind
from encoding_worker.demuxing import open_media
from encoding_worker.holding import is_held
from encoding_worker.join import MOST_MOVED, JoinedChunk
from encoding_worker.probe import describe_streams
from encoding_worker.task import Task
from encoding_worker.timeline import LEAD_S, shift_to_middle

_DECODED_BEYOND = 2
"""Frames decoded on the far side of a border."""
_LATE_S = Fraction(2, 1000)
"""The most by which a sound may lie beside its time: what Matroska's milliseconds and MP4's samples round."""


@dataclass(frozen=True)
class Sound:
    """An encoded audio track as it goes into the film."""

    stream: SourceStream
    packets: int
    first_s: Fraction
    """When its first packet begins."""
    last_s: Fraction
    """When its last packet begins."""
    end_s: Fraction
    turn_s: Fraction | None
    """When the first packet begins that is earlier than the one before it."""


def read_sound(media: InputContainer, position: int, stream: SourceStream) -> Sound:
    """Read the times of an audio track's packets.

    Args:
        media: the file that holds it.
        position: its place among the audio tracks of that file.
        stream: the source's stream that it was made of.
    """
    track = media.streams.audio[position]
    base = Fraction(track.time_base or 1)
    packets, first, last, end = 0, 0, 0, 0
    turn: int | None = None
    for packet in media.demux(track):
        if not packet.size or packet.pts is None:
            continue
        if packets and packet.pts < last and turn is None:
            turn = packet.pts
        first = first if packets else packet.pts
        last, end = packet.pts, packet.pts + (packet.duration or 0)
        packets += 1
    return Sound(stream, packets, first * base, last * base, end * base, None if turn is None else turn * base)


class Proof:
    """The proof of one film.

    Args:
        task: the merge.
        plan: the plan.
        tracks: for each track its chunks in order, with the times of their frames.
        audio: the encoded audio tracks, on the middle clock.
        path: the film.
    """

    def __init__(self, task: Task, plan: Plan, tracks: list[list[JoinedChunk]], audio: list[Sound], path: Path) -> None:
        self._plan = plan
        self._tracks = tracks
        self._audio = audio
        self._path = path
        self._container = task.job.profile.container
        self._what = f"job {task.job.id}: the merged film"
        self._lines: list[str] = []

    def run(self) -> list[str]:
        """Return what was proven, a line each.

        Raises:
            ProofFailed: says what does not hold, and where.
        """
        with open_media(f"file:{self._path}", self._what) as film:
            self._check_streams(film)
        for position in range(len(self._plan.tracks)):
            self._check_times(position)
            self._check_borders(position)
        for position, sound in enumerate(self._audio):
            self._check_audio(position, sound)
        return self._lines

    def _refuse(self, problem: str) -> ProofFailed:
        return ProofFailed(
            f"{self._what} {problem}; nothing was published; it is tried again; if that does not help, clear the run"
        )

    def _check_streams(self, film: InputContainer) -> None:
        found = describe_streams(film)
        encoded = {track.stream for track in self._plan.tracks} | {sound.stream.index for sound in self._audio}
        expected = [s for s in self._plan.streams if s.index in encoded or is_held(s, self._container)]
        for kind in (StreamKind.VIDEO, StreamKind.AUDIO, StreamKind.SUBTITLE, StreamKind.ATTACHMENT, StreamKind.COVER):
            wanted = [stream for stream in expected if stream.kind is kind]
            got = [stream for stream in found if stream.kind is kind]
            if len(wanted) != len(got):
                raise self._refuse(f"has {len(got)} {kind.value} streams, expected {len(wanted)}")
            for before, after in zip(wanted, got, strict=True):
                if kind in (StreamKind.VIDEO, StreamKind.AUDIO, StreamKind.SUBTITLE):
                    self._compare(before, after)
        kinds = ", ".join(
            f"{sum(s.kind is kind for s in expected)} {kind.value}"
            for kind in StreamKind
            if any(s.kind is kind for s in expected)
        )
        self._lines.append(f"streams: {kinds}, each with its language and channels")

    def _compare(self, before: SourceStream, after: SourceStream) -> None:
        name = f"{before.kind.value} stream {before.index} of the source"
        if before.language and len(before.language) == 3 and before.language != after.language:
            raise self._refuse(f"says language {after.language} for {name}, which is {before.language}")
        if before.channels != after.channels:
            raise self._refuse(f"has {after.channels} channels for {name}, which has {before.channels}")

    def _check_times(self, position: int) -> None:
        track = self._plan.tracks[position]
        base = Fraction(track.time_base)
        with open_media(f"file:{self._path}", self._what) as film:
            stream = self._video(film, position)
            out_base = Fraction(stream.time_base or 1)
            # What an edit list hides is there, and yet no player shows it.
            shown = (packet for packet in film.demux(stream) if packet.size and not packet.is_discard)
            found = array("q", sorted(packet.pts for packet in shown if packet.pts is not None))
        frames = sum(len(joined.times) for joined in self._tracks[position])
        if len(found) != frames:
            raise self._refuse(f"has {len(found)} frames of video stream {track.stream}, expected {frames}")
        expected = chain.from_iterable(joined.times for joined in self._tracks[position])
        shift = shift_to_middle(self._plan) - LEAD_S
        # Rounded to the container's tick, and moved by a tick more where two frames would share one.
        # In whole numbers over one denominator: Fractions of 200,000 frames take seconds.
        over = lcm(out_base.denominator, base.denominator, shift.denominator)
        out_ticks, ticks, start = int(out_base * over), int(base * over), int(shift * over)
        tolerance = out_ticks * (1 + MOST_MOVED)
        latest = 0
        for number, (got, want) in enumerate(zip(found, expected, strict=True)):
            late = got * out_ticks - want * ticks - start
            latest = max(latest, abs(late))
            if abs(late) > tolerance:
                raise self._refuse(
                    f"shows frame {number} of video stream {track.stream} {late * 1000 / over:+.2f} ms off its time"
                )
        planned = sum(joined.chunk.frames for joined in self._tracks[position])
        missing = f" ({planned - len(found)} damaged ones of the source missing)" if planned != len(found) else ""
        self._lines.append(
            f"video stream {track.stream}: {len(found)} frames{missing}, each once and in order, within "
            f"{latest * 1000 / over:.3f} ms of the source's time"
        )

    def _check_borders(self, position: int) -> None:
        """Decode across every border: the last GOP of the chunk before, and the first frames after it."""
        track = self._plan.tracks[position]
        borders = [joined.times[0] for joined in self._tracks[position]]
        shift = shift_to_middle(self._plan) - LEAD_S
        decoded = 0
        with open_media(f"file:{self._path}", self._what) as film:
            stream = self._video(film, position)
            out_base = Fraction(stream.time_base or 1)
            for border in borders:
                at = round((border * Fraction(track.time_base) + shift) / out_base)
                decoded += self._decode_around(film, stream, at)
        self._lines.append(
            f"video stream {track.stream}: {len(borders)} chunk borders decode cleanly ({decoded} frames)"
        )

    def _decode_around(self, film: InputContainer, stream: VideoStream, at: int) -> int:
        film.seek(max(0, at - 1), stream=stream, backward=True)
        beyond = decoded = 0
        try:
            for frame in film.decode(stream):
                decoded += 1
                if frame.is_corrupt:
                    raise self._refuse(f"does not decode cleanly at {frame.time:.3f} s")
                if frame.pts is not None and frame.pts >= at:
                    beyond += 1
                if beyond > _DECODED_BEYOND:
                    break
        except av.error.FFmpegError as error:
            raise self._refuse(f"does not decode around tick {at}: {error}") from error
        if decoded == 0:
            raise self._refuse(f"gives no frame around tick {at}")
        return decoded

    def _check_audio(self, position: int, sound: Sound) -> None:
        name = f"audio stream {sound.stream.index}"
        with open_media(f"file:{self._path}", self._what) as film:
            found = read_sound(film, position, sound.stream)
        if found.packets == 0:
            raise self._refuse(f"has no sound in {name}")
        if found.turn_s is not None:
            raise self._refuse(f"has {name} out of order at {float(found.turn_s):.3f} s")
        if found.packets != sound.packets:
            raise self._refuse(f"has {found.packets} packets of {name}, expected {sound.packets}")
        for got, want in ((found.first_s, sound.first_s), (found.last_s, sound.last_s)):
            late = got + LEAD_S - want
            if abs(late) > _LATE_S:
                raise self._refuse(f"plays {name} {float(late) * 1000:+.2f} ms off its time at {float(got):.3f} s")
        self._lines.append(f"{name}: {float(found.end_s - found.first_s):.3f} s in one piece")

    @staticmethod
    def _video(film: InputContainer, position: int) -> VideoStream:
        films = [s for s, d in zip(film.streams, describe_streams(film), strict=True) if d.kind is StreamKind.VIDEO]
        stream = films[position]
        assert isinstance(stream, VideoStream)
        return stream
