"""The verb ``split``: one pass over the source, out of which come the plan and a piece for each chunk.

Frames are told apart by PTS where the packets allow it. Whether they do is not believed but tried: the first pieces
are decoded and held against a plain decode of the source (cut.py). Where it fails, the whole source is decoded once,
and the track is cut by frame number (frame_cut.py). A track whose clock starts again is read a second time, by the
film's clock (clock.py), which the first time has found out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from encoding_contract.errors import SourceGone, UnreadableSource
from encoding_contract.plan import (
    Chunk,
    CutMethod,
    Plan,
    SourceStream,
    StreamKind,
    VideoTrack,
    digest_pts,
)
from encoding_worker.clock import ClockShift, FilmClock, film_options
from encoding_worker.cut import CHECKED_FRAMES, Cut, compare_piece, compare_window, piece_number
from encoding_worker.demuxing import open_media
from encoding_worker.frame_cut import cut_by_frame, delete_pieces, mean_rate
from encoding_worker.gateway import SourceDoor, open_source
from encoding_worker.hanging import hang_watch
from encoding_worker.interruption import interruption
from encoding_worker.limits import Limits, PacketWatch
from encoding_worker.pieces import Piece, PieceCutter, VideoPacket
from encoding_worker.probe import describe_streams, describe_track, first_frame, is_encodable, take_look
from encoding_worker.reference import Reference, decode_frames
from encoding_worker.sounds import SoundClock
from encoding_worker.task import Task, program_version

logger = logging.getLogger(__name__)


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
            sounds = {s.index: SoundClock() for s in streams if s.kind is StreamKind.AUDIO and s.channels}
            clock = _feed(container, cuts, sounds, name, limits)
            streams = tuple(_timed(stream, container, clock, sounds.get(stream.index)) for stream in streams)
            duration_us, start_us = container.duration or 0, container.start_time or 0
            demuxer = container.format.name
            chunks: list[Chunk] = []
            tracks: list[VideoTrack] = []
            for position, cut in enumerate(cuts):
                for settled in cut.settled:
                    settled.result()
                if streams[cut.track.stream].clock_jumps:
                    cut = cuts[position] = _cut_again(task, door, cut, streams[cut.track.stream], hands)
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
        streams=streams,
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
) -> Cut:
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
    trial = hands.submit(
        decode_frames,
        door.url,
        stream.index,
        time_base,
        f"{name}: first frames",
        CHECKED_FRAMES,
        reading=film_options(track, stream.index),
    )
    total = int(Fraction(container.duration or 0, 1_000_000) / time_base)
    return _cut(task, name, track, stream, total, trial, hands)


def _cut_again(task: Task, door: SourceDoor, first: Cut, described: SourceStream, hands: ThreadPoolExecutor) -> Cut:
    """Cut a track by the film's clock, which is known only once all was read; all of it is decoded, too."""
    delete_pieces(task, first)
    track, name = first.track, first.name
    logger.info("%s: its clock starts again %d times; it is read once more", name, len(described.clock_jumps))
    trial = hands.submit(
        decode_frames,
        door.url,
        track.stream,
        Fraction(track.time_base),
        f"{name}: all frames",
        reading=film_options(track, track.stream, described.clock_jumps),
    )
    times = [frame.pts for frame in trial.result().frames if frame.pts is not None]
    total = times[-1] - times[0] + 1 if times else 0
    shift = ClockShift(described.clock_jumps)
    with open_media(door.open(), name) as container:
        stream = container.streams[track.stream]
        assert isinstance(stream, VideoStream)
        cut = _cut(task, name, track, stream, total, trial, hands, is_whole=True)
        for packet in _read(container, [stream], name):
            shift.take(packet)
            cut.cutter.take(cast(VideoPacket, packet))
        cut.cutter.finish()
    for settled in cut.settled:
        settled.result()
    return cut


def _cut(
    task: Task,
    name: str,
    track: VideoTrack,
    stream: VideoStream,
    total_ticks: int,
    trial: Future[Reference],
    hands: ThreadPoolExecutor,
    *,
    is_whole: bool = False,
) -> Cut:
    """Make a cut that is fed with the stream's packets."""
    wanted = int(Fraction(task.job.profile.chunk_s).limit_denominator(1000) / Fraction(track.time_base))

    def finished(piece: Piece) -> None:
        if piece.path is None:
            return
        for settled in cut.settled:
            settled.result()  # at most one piece is on its way: scratch does not grow
        cut.settled.append(hands.submit(_settle, task, cut, piece, piece.path))

    cut = Cut(name, track, PieceCutter(stream, wanted, total_ticks, task.scratch, finished), trial, is_whole)
    return cut


def _settle(task: Task, cut: Cut, piece: Piece, path: Path) -> None:
    """Compare a piece with the source and upload it; once one was wrong, no more are needed."""
    cut.mismatch = cut.mismatch or compare_piece(piece, cut, cut.name)
    if not cut.mismatch:
        cut.contents[piece.index] = task.store.upload(
            path, task.address(task.objects.piece(piece_number(cut.track.stream, piece.index)))
        )
    path.unlink()


def _feed(
    container: InputContainer, cuts: list[Cut], sounds: dict[int, SoundClock], name: str, limits: Limits
) -> FilmClock:
    """Read all packets of the films and sounds, and return the film's clock."""
    cutters = {cut.cutter.stream.index: cut.cutter for cut in cuts}
    read = [container.streams[index] for index in (*cutters, *sounds)]
    watches = {stream.index: PacketWatch(limits, stream, name) for stream in read}
    bases = {stream.index: Fraction(stream.time_base or 1) for stream in read}
    clock = FilmClock(bases, cuts[0].track.stream)
    for packet in _read(container, read, name):
        index = packet.stream.index
        watches[index].take(packet)
        at = clock.take(packet)
        if index in cutters:
            cutters[index].take(cast(VideoPacket, packet))
        elif at is not None and packet.duration:
            sounds[index].take(at, clock.length(packet))
    for cut in cuts:
        cut.cutter.finish()
    return clock


def _read(container: InputContainer, streams: Sequence[Stream], name: str) -> Iterator[Packet[Stream]]:
    """Give all packets of streams, as far as they can be read."""
    try:
        for packet in hang_watch.each(container.demux(list(streams)), name):
            interruption.check()
            if packet.size:
                yield packet
    except av.error.FFmpegError as error:
        # What was read so far is a film, and the decoder's view of its end decides what is one of its frames.
        logger.warning("%s: reading ended early: %s", name, error)


def _timed(stream: SourceStream, container: InputContainer, clock: FilmClock, sound: SoundClock | None) -> SourceStream:
    """Return a stream with what was found of its timestamps."""
    base = container.streams[stream.index].time_base
    jumps = clock.jumps_of(stream.index, base) if base else ()
    is_usable = sound is None or (jumps is not None and sound.is_usable)
    return stream.model_copy(update={"clock_jumps": jumps or (), "has_usable_times": is_usable})


def _finish(task: Task, door: SourceDoor, cut: Cut, position: int, first_index: int) -> tuple[VideoTrack, list[Chunk]]:
    packets = cut.cutter.packets
    reason = packets.fault or cut.mismatch or compare_window(cut)
    if reason:
        logger.info("video stream %d is cut by frame number: %s", cut.track.stream, reason)
        return cut_by_frame(task, door, cut, position, first_index, reason)
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
            piece=piece_number(cut.track.stream, piece.index) if piece.index in cut.contents else None,
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
            "frame_rate": mean_rate(cut.track, frame, chunks[-1].end_pts - start),
        }
    )
    return track, chunks
