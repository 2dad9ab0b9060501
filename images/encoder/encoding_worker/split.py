"""The verb ``split``: one pass over the source, out of which come the plan and a piece for each chunk.

Frames are told apart by PTS where the packets allow it. Whether they do is not believed but tried: the first pieces
are decoded and held against a plain decode of the source. Where it fails, the whole source is decoded once, and the
track is cut by frame number.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import floor
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from encoding_contract.errors import DamagedSource, EncoderFault, SourceGone, UnreadableSource
from encoding_contract.job import Content
from encoding_contract.plan import (
    Chunk,
    CutMethod,
    Plan,
    StreamKind,
    VideoTrack,
    choose_borders,
    digest_pts,
    frame_step,
    mend_timestamps,
    spread_timestamps,
)
from encoding_contract.profile import DamagePolicy
from encoding_worker.damage import find_complaints
from encoding_worker.demuxing import open_media
from encoding_worker.ffmpeg import run_ffmpeg
from encoding_worker.framelist import Frame, parse_framecrc
from encoding_worker.gateway import SourceDoor, open_source
from encoding_worker.hanging import hang_watch
from encoding_worker.interruption import interruption
from encoding_worker.limits import Limits, PacketWatch
from encoding_worker.pieces import PIECE_CLOCK, Piece, PieceCutter
from encoding_worker.probe import FASTEST_HZ, describe_streams, describe_track, first_frame, is_encodable, take_look
from encoding_worker.reference import Reference, decode_frames
from encoding_worker.sounds import SoundClock
from encoding_worker.task import Task, program_version

logger = logging.getLogger(__name__)

CHECKED_FRAMES = 1500
"""So many of a track's first frames are decoded twice, to see that the pieces give the source's frames."""

_FRAME_CUT_CHUNKS = 8
"""A track cut by number is decoded from its beginning for each chunk, so it gets no more chunks than that."""


def split(task: Task) -> Plan:
    """Cut the source of a job into chunks, and write the plan; leave a plan that stands.

    Raises:
        UnreadableSource: the source is empty, no video, or nothing of it decodes.
        SourceGone: the source is not there any more.
    """
    plan = task.find_plan()
    if plan is not None:
        logger.info("job %s: its plan stands, with %d chunks", task.job.id, len(plan.chunks))
        return plan
    _check_source(task)
    with open_source(task.store, task.job.source) as door:
        try:
            plan = _split(task, door)
        except Exception:
            door.check()
            raise
        door.check()
    task.store.write(task.address(task.objects.plan), plan.to_json())
    return plan


def _check_source(task: Task) -> None:
    source = task.job.source
    found = task.store.stat(source.address)
    if found is None:
        raise SourceGone(f"{source.address.url}: is gone since the job was made; upload it again, or delete the run")
    if found[0] != source.content:
        raise SourceGone(
            f"{source.address.url}: was replaced since the job was made (expected {source.content}, found {found[0]}); "
            "the next scan takes the new one"
        )
    if source.content.size_bytes == 0:
        raise UnreadableSource(f"{source.address.url}: is empty (0 bytes); upload it again")


@dataclass
class _Cut:
    """A track being cut."""

    name: str
    track: VideoTrack
    cutter: PieceCutter
    trial: Future[Reference]
    """A plain decode of the first frames, made while the packets are read."""
    settled: list[Future[None]] = field(default_factory=list)
    """For each piece its comparison and its upload."""
    contents: dict[int, Content] = field(default_factory=dict)
    """Of the pieces that lie in the bucket, by their index."""
    mismatch: str = ""
    damage: list[str] = field(default_factory=list)

    @property
    def reference(self) -> list[Frame]:
        """The track's first frames.

        Raises:
            UnreadableSource: there is none.
        """
        frames = self.trial.result().frames
        if not frames:
            raise UnreadableSource(f"{self.name}: no frame decodes; upload it again")
        return frames

    @property
    def is_whole_reference(self) -> bool:
        """Whether the reference reaches to the track's end."""
        return len(self.reference) < CHECKED_FRAMES


def _split(task: Task, door: SourceDoor) -> Plan:
    name = task.job.source.address.url
    limits = Limits.load()
    tags = take_look(door.url, name, limits)
    with open_media(door.open(), name) as container:
        limits.check_contents(container, name)
        streams = describe_streams(container, tags)
        videos = [container.streams[s.index] for s in streams if s.kind is StreamKind.VIDEO]
        films = [stream for stream in videos if isinstance(stream, VideoStream) and is_encodable(stream)]
        if not films:
            raise UnreadableSource(f"{name}: has no video track; remove it, or upload it again")
        # One for what the trials decode, one for the pieces: reading goes on meanwhile.
        with ThreadPoolExecutor(max_workers=2) as hands:
            cuts = [_begin(task, door, stream, container, hands, limits) for stream in films]
            clocks = {s.index: SoundClock() for s in streams if s.kind is StreamKind.AUDIO and s.channels}
            _feed(container, cuts, clocks, name, limits)
            duration_us, start_us = container.duration or 0, container.start_time or 0
            demuxer = container.format.name
            chunks: list[Chunk] = []
            tracks: list[VideoTrack] = []
            for position, cut in enumerate(cuts):
                for settled in cut.settled:
                    settled.result()
                track, own = _finish(task, door, cut, position, len(chunks))
                tracks.append(track)
                chunks += own
    first = tracks[0]
    # A film may begin before what its container states as its start: edit lists do that.
    start_us = min(start_us, *(floor(track.seconds(track.first_pts) * 1_000_000) for track in tracks))
    return Plan(
        job_id=task.job.id,
        container=demuxer,
        duration_us=int(first.seconds(first.end_pts - first.first_pts) * 1_000_000) or duration_us,
        start_us=start_us,
        streams=tuple(
            stream.model_copy(update={"has_usable_times": clocks[stream.index].is_usable})
            if stream.index in clocks
            else stream
            for stream in streams
        ),
        tracks=tuple(tracks),
        chunks=tuple(chunks),
        damage=tuple(spot for cut in cuts for spot in cut.damage),
        splitter=program_version(),
    )


def _begin(
    task: Task,
    door: SourceDoor,
    stream: VideoStream,
    container: InputContainer,
    hands: ThreadPoolExecutor,
    limits: Limits,
) -> _Cut:
    name = f"{task.job.source.address.url} video stream {stream.index}"
    # A second handle: where decoding has moved on, the cut would miss what was read.
    with open_media(door.open(), name) as look:
        same = look.streams[stream.index]
        assert isinstance(same, VideoStream)
        limits.check_picture(same.codec_context.width, same.codec_context.height, name)
        frame = first_frame(look, same, name)
        limits.check_picture(frame.width, frame.height, name)
        track = describe_track(door.url, name, same, frame)
    time_base = Fraction(track.time_base)
    trial = hands.submit(decode_frames, door.url, stream.index, time_base, f"{name}: first frames", CHECKED_FRAMES)
    total_us = container.duration or 0
    wanted = int(Fraction(task.job.profile.chunk_s).limit_denominator(1000) / time_base)

    def finished(piece: Piece) -> None:
        if piece.path is None:
            return
        for settled in cut.settled:
            settled.result()  # at most one piece is on its way: scratch does not grow
        cut.settled.append(hands.submit(_settle, task, cut, piece, piece.path))

    cutter = PieceCutter(stream, wanted, int(Fraction(total_us, 1_000_000) / time_base), task.scratch, finished)
    cut = _Cut(name, track, cutter, trial)
    return cut


def _piece_number(stream: int, index: int) -> str:
    return f"{stream:03d}-{index:06d}"


def _settle(task: Task, cut: _Cut, piece: Piece, path: Path) -> None:
    """Compare a piece with the source and upload it; once one was wrong, no more are needed."""
    cut.mismatch = cut.mismatch or _compare_piece(piece, cut, cut.name)
    if not cut.mismatch:
        cut.contents[piece.index] = task.store.upload(
            path, task.address(task.objects.piece(_piece_number(cut.track.stream, piece.index)))
        )
    path.unlink()


def _feed(
    container: InputContainer, cuts: list[_Cut], clocks: dict[int, SoundClock], name: str, limits: Limits
) -> None:
    takers: dict[int, Any] = {cut.cutter.stream.index: cut.cutter for cut in cuts} | clocks
    watches = {index: PacketWatch(limits, container.streams[index], name) for index in takers}
    try:
        for packet in hang_watch.each(container.demux([container.streams[index] for index in takers]), name):
            interruption.check()
            if packet.size:
                watches[packet.stream.index].take(packet)
                takers[packet.stream.index].take(packet)
    except av.error.FFmpegError as error:
        # What was read so far is a film, and the decoder's view of its end decides what is one of its frames.
        logger.warning("%s: reading ended early: %s", name, error)
    for cut in cuts:
        cut.cutter.finish()


def _compare_piece(piece: Piece, cut: _Cut, name: str) -> str:
    """Return what is wrong with a piece, as far as the reference reaches; empty where nothing is."""
    known = [frame for frame in cut.reference if frame.pts is not None and frame.pts >= piece.start_pts]
    if piece.end_pts is not None:
        known = [frame for frame in known if frame.pts is not None and frame.pts < piece.end_pts]
    if not known:
        return ""
    # The reference stops within this piece: the rest of it has nothing to be held against, and is not decoded.
    is_cut_short = not cut.is_whole_reference and known[-1] is cut.reference[-1]
    until = known[-1].pts if is_cut_short else None
    try:
        found = decode_piece(piece, Fraction(cut.track.time_base), f"{name} piece {piece.index}", until)
    except EncoderFault as fault:
        return f"piece {piece.index} does not decode: {fault}"
    end = piece.end_pts
    found = [f for f in found if f.pts is not None and f.pts >= piece.start_pts and (end is None or f.pts < end)]
    if piece.index == 0:
        found = [f for f in found if f.pts is not None and known[0].pts is not None and f.pts >= known[0].pts]
    if is_cut_short:
        # Reordered frames at the reference's very end may be out of place.
        known = known[:-16]
        found = found[: len(known)]
    for place, (expected, got) in enumerate(zip(known, found, strict=False)):
        if expected != got:
            return f"frame {place} of piece {piece.index} decodes otherwise than in the source"
    if len(known) != len(found):
        return f"piece {piece.index} gives {len(found)} frames, the source {len(known)}"
    return ""


def decode_piece(piece: Piece, time_base: Fraction, what: str, until_pts: int | None = None) -> list[Frame]:
    """Decode a piece, pre-roll included, to its end or to a PTS; PTS are the source's."""
    trim = "" if until_pts is None else f",trim=end_pts={until_pts - piece.offset + 1}"
    run = run_ffmpeg(
        [
            *("-copyts", "-noautorotate", "-i", f"file:{piece.path}", "-map", "0:v:0"),
            *("-vf", PIECE_CLOCK + trim, "-fps_mode", "passthrough", "-enc_time_base", "filter", "-flush_packets", "1"),
            *("-f", "framecrc", "-"),
        ],
        what,
        keep_stdout=True,
    )
    return parse_framecrc(run.stdout.decode(), time_base, piece.offset, unit=time_base)


def _finish(task: Task, door: SourceDoor, cut: _Cut, position: int, first_index: int) -> tuple[VideoTrack, list[Chunk]]:
    packets = cut.cutter.packets
    reason = packets.fault or cut.mismatch or _compare_window(cut)
    if reason:
        logger.info("video stream %d is cut by frame number: %s", cut.track.stream, reason)
        return _cut_by_frame(task, door, cut, position, first_index, reason)
    start = cut.reference[0].pts
    assert start is not None
    chunks: list[Chunk] = []
    frame = 0
    for piece in cut.cutter.pieces or [Piece(0, start, None)]:
        start_pts = start if piece.index == 0 else piece.start_pts
        shown = packets.between(start_pts, piece.end_pts)
        chunk = Chunk(
            index=first_index + len(chunks),
            track=position,
            first_frame=frame,
            frames=len(shown),
            start_pts=start_pts,
            end_pts=max(packets.last_end, shown[-1] + 1) if piece.end_pts is None else piece.end_pts,
            pts_digest=digest_pts(shown),
            piece=_piece_number(cut.track.stream, piece.index) if piece.index in cut.contents else None,
            piece_bytes=cut.contents[piece.index].size_bytes if piece.index in cut.contents else 0,
            piece_crc32c=cut.contents[piece.index].crc32c if piece.index in cut.contents else "",
            weight_bytes=packets.weigh(start_pts, piece.end_pts),
            piece_offset=piece.offset,
        )
        chunks.append(chunk)
        frame = chunk.end_frame
    track = cut.track.model_copy(
        update={
            "frames": frame,
            "first_pts": start,
            "end_pts": chunks[-1].end_pts,
            "cut": CutMethod.PTS,
            "frame_rate": _mean_rate(cut.track, frame, chunks[-1].end_pts - start),
        }
    )
    return track, chunks


def _compare_window(cut: _Cut) -> str:
    """Return why the packets' PTS are not those of the decoded frames, as far as the reference reaches."""
    decoded = [frame.pts for frame in cut.reference]
    if any(pts is None for pts in decoded) or any(b <= a for a, b in pairwise([p for p in decoded if p is not None])):
        return "decoded frames have no increasing timestamps"
    times = [pts for pts in decoded if pts is not None]
    shown = list(cut.cutter.packets.between(times[0], None))
    if not cut.is_whole_reference:
        times = times[:-16]
        shown = shown[: len(times)]
    if times != shown:
        place = next((n for n, pair in enumerate(zip(times, shown, strict=False)) if pair[0] != pair[1]), len(times))
        return f"packets and decoded frames differ in time from frame {place} on"
    return ""


def _mean_rate(track: VideoTrack, frames: int, ticks: int) -> str:
    """Return the stated frame rate, or the mean one where the stated one is far off (variable rates)."""
    stated = Fraction(track.frame_rate)
    mean = Fraction(frames) / track.seconds(ticks) if ticks > 0 else stated
    if abs(mean - stated) * 50 <= stated:
        return track.frame_rate
    # An encoder needs a rate, no more; a chunk's file counts milliseconds, and frames must not share one.
    mean = min(mean.limit_denominator(1001), Fraction(FASTEST_HZ))
    return f"{mean.numerator}/{mean.denominator}" if mean > 0 else track.frame_rate


def _tolerate(task: Task, cut: _Cut, damage: str) -> None:
    """Take note of damage, where the profile allows it.

    Raises:
        DamagedSource: it does not.
    """
    if task.job.profile.damaged is DamagePolicy.REFUSE:
        raise DamagedSource(
            f"{task.job.source.address.url}: the source is damaged: {damage}; repair it, or set damaged: tolerate in "
            "the profile to encode what a player would show"
        )
    cut.damage.append(damage)


def _order_times(frames: list[Frame], rate: Fraction, time_base: Fraction) -> tuple[list[int | None], list[int], int]:
    """Return the frames' PTS spread, the same mended, and where the last frame ends."""
    step = frame_step(rate, time_base)
    spread = spread_timestamps((frame.pts for frame in frames), step)
    times = mend_timestamps(spread, step)
    return spread, times, times[-1] + step


def _cut_by_frame(
    task: Task, door: SourceDoor, cut: _Cut, position: int, first_index: int, reason: str
) -> tuple[VideoTrack, list[Chunk]]:
    for index in cut.contents:
        task.store.delete(task.address(task.objects.piece(_piece_number(cut.track.stream, index))))
    track = cut.track
    time_base = Fraction(track.time_base)
    name = f"{task.job.source.address.url} video stream {track.stream}"
    whole = cut.trial.result()
    if not cut.is_whole_reference:
        whole = decode_frames(door.url, track.stream, time_base, f"{name}: all frames")
    frames, complaints = whole.frames, find_complaints(whole.messages)
    missing = len(cut.cutter.packets.shown) - len(frames)
    if complaints and missing > 0:
        _tolerate(task, cut, f"{missing} frames of video stream {track.stream} do not decode: {complaints[0]}")
    spread, times, end = _order_times(frames, Fraction(track.frame_rate), time_base)
    rate = Fraction(_mean_rate(track, len(times), end - times[0]))
    # By the rate that the plan states, as encoders will, who see nothing but the plan.
    spread, times, end = _order_times(frames, rate, time_base)
    wanted = int(Fraction(task.job.profile.chunk_s).limit_denominator(1000) * rate)
    if wanted:
        wanted = max(wanted, -(-len(times) // _FRAME_CUT_CHUNKS))
    # Not at a frame that was moved, nor where the clock stands: an encoder sees its chunk, and not what lies before it.
    fit = [
        place
        for place in range(1, len(times))
        if spread[place] is None or (spread[place] == times[place] and frames[place].pts != frames[place - 1].pts)
    ]
    borders = [*choose_borders(fit, len(times), wanted), len(times)]
    chunks = [
        Chunk(
            index=first_index + number,
            track=position,
            first_frame=a,
            frames=b - a,
            start_pts=times[a],
            end_pts=times[b] if b < len(times) else end,
            pts_digest=digest_pts(times[a:b]),
        )
        for number, (a, b) in enumerate(pairwise(borders))
    ]
    mended = track.model_copy(
        update={
            "frames": len(times),
            "first_pts": times[0],
            "end_pts": end,
            "cut": CutMethod.FRAME,
            "cut_reason": reason,
            "frame_rate": f"{rate.numerator}/{rate.denominator}",
        }
    )
    return mended, chunks
