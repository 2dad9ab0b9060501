"""A track whose packets do not tell its frames apart: decoded once as a whole, and cut by frame number."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from encoding_contract.errors import DamagedSource
from encoding_contract.plan import (
    Chunk,
    CutMethod,
    VideoTrack,
    choose_borders,
    digest_pts,
    frame_step,
    mend_timestamps,
    spread_timestamps,
)
from encoding_contract.profile import DamagePolicy
from encoding_worker.clock import film_options
from encoding_worker.cut import Cut, piece_number
from encoding_worker.damage import find_complaints
from encoding_worker.framelist import Frame
from encoding_worker.gateway import SourceDoor
from encoding_worker.probe import FASTEST_HZ
from encoding_worker.reference import decode_frames
from encoding_worker.task import Task

_FRAME_CUT_CHUNKS = 8
"""A track cut by number is decoded from its beginning for each chunk, so it gets no more chunks than that."""


def cut_by_frame(
    task: Task, door: SourceDoor, cut: Cut, position: int, first_index: int, reason: str
) -> tuple[VideoTrack, list[Chunk]]:
    """Return a track and its chunks, by the frames of a decode of all of it; the pieces made so far are deleted.

    Args:
        task: the task.
        door: the source.
        cut: the track, of which all packets were read.
        position: the track's place in the plan.
        first_index: the index of its first chunk.
        reason: why it is cut by frame.

    Raises:
        DamagedSource: frames are missing, and the profile does not tolerate it.
    """
    delete_pieces(task, cut)
    track = cut.track
    time_base = Fraction(track.time_base)
    name = f"{task.job.source.address.url} video stream {track.stream}"
    whole = cut.trial.result()
    if not cut.is_known:
        whole = decode_frames(
            door.url, track.stream, time_base, f"{name}: all frames", reading=film_options(track, track.stream)
        )
    frames, complaints = whole.frames, find_complaints(whole.messages)
    missing = len(cut.cutter.packets.shown) - len(frames)
    if complaints and missing > 0:
        _tolerate(task, cut, f"{missing} frames of video stream {track.stream} do not decode: {complaints[0]}")
    spread, times, end = _order_times(frames, Fraction(track.frame_rate), time_base)
    rate = Fraction(mean_rate(track, len(times), end - times[0]))
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


def delete_pieces(task: Task, cut: Cut) -> None:
    """Delete the pieces of a track that is cut in another way."""
    for index in cut.contents:
        task.store.delete(task.address(task.objects.piece(piece_number(cut.track.stream, index))))


def mean_rate(track: VideoTrack, frames: int, ticks: int) -> str:
    """Return the stated frame rate, or the mean one where the stated one is far off (variable rates)."""
    stated = Fraction(track.frame_rate)
    mean = Fraction(frames) / track.seconds(ticks) if ticks > 0 else stated
    if abs(mean - stated) * 50 <= stated:
        return track.frame_rate
    # An encoder needs a rate, no more; a chunk's file counts milliseconds, and frames must not share one.
    mean = min(mean.limit_denominator(1001), Fraction(FASTEST_HZ))
    return f"{mean.numerator}/{mean.denominator}" if mean > 0 else track.frame_rate


def _tolerate(task: Task, cut: Cut, damage: str) -> None:
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
