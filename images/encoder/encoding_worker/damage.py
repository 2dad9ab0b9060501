"""Where the source does not decode cleanly, named by time.

A clean chunk costs nothing: only where ffmpeg's decoder complained is the chunk decoded once more, by PyAV, which says
of each frame whether it is damaged. Complaints about pre-roll, whose references lie before it, are none.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

import av
from av.video.frame import VideoFrame

from encoding_contract.plan import Chunk, ClockJump, CutMethod, VideoTrack
from encoding_worker.clock import ClockShift
from encoding_worker.demuxing import open_media
from encoding_worker.hanging import hang_watch

_MOST_NAMED = 20
_COMPLAINT = re.compile(
    r"\[(?:error|warning|fatal)\].*(?:error|corrupt|invalid|conceal|missing|damaged|illegal|mismatch|no frame)", re.I
)


def find_complaints(messages: list[str]) -> list[str]:
    """Return those of ffmpeg's messages that speak of damage."""
    return [message for message in messages if _COMPLAINT.search(message)]


def find_damage(
    media: str | io.RawIOBase,
    stream: str,
    track: VideoTrack,
    chunk: Chunk,
    offset: int,
    jumps: Iterable[ClockJump],
    messages: list[str],
    what: str,
) -> list[str]:
    """Return the chunk's damaged spots, in order; none where the decoder had nothing to complain of."""
    if not find_complaints(messages):
        return []
    spots: list[str] = []
    number = 0
    clock = ClockShift(jumps)
    with open_media(media, what) as container:
        source = container.streams[int(stream)]
        for packet in hang_watch.each(container.demux(source), what):
            clock.take(packet)
            try:
                with hang_watch.over(what):
                    decoded = packet.decode()
                frames = [frame for frame in decoded if isinstance(frame, VideoFrame)]
            except av.error.FFmpegError:
                continue
            for frame in frames:
                ticks = None if frame.pts is None else int(frame.pts) + offset
                is_mine = (
                    chunk.first_frame <= number < chunk.end_frame
                    if track.cut is CutMethod.FRAME
                    else ticks is not None and chunk.start_pts <= ticks < chunk.end_pts
                )
                number += 1
                if is_mine and frame.is_corrupt:
                    at = "" if ticks is None else f" at {float(track.seconds(ticks - track.first_pts)):.3f} s"
                    spots.append(f"a damaged frame{at}")
                    if len(spots) >= _MOST_NAMED:
                        return spots
    return spots
