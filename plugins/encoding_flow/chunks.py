"""From a plan to the list that Airflow maps: a chunk's index and its label, and nothing more."""

from __future__ import annotations

from fractions import Fraction

from encoding_contract.errors import BadInput
from encoding_contract.plan import Chunk, CutMethod, Plan


def list_mapped_chunks(plan: Plan, limit: int) -> list[dict[str, int | str]]:
    """Return one entry for each chunk, in order.

    Args:
        plan: the plan of the job.
        limit: how many mapped instances Airflow allows (``[core] max_map_length``).

    Raises:
        BadInput: the plan has more chunks than that.
    """
    if len(plan.chunks) > limit:
        raise BadInput(
            f"job {plan.job_id}: has {len(plan.chunks)} chunks, Airflow maps at most {limit} (core.max_map_length); "
            f"set AIRFLOW__CORE__MAX_MAP_LENGTH={len(plan.chunks)} or higher, or take a longer chunk_s"
        )
    return [{"chunk": chunk.index, "chunk_label": label_chunk(plan, chunk)} for chunk in plan.chunks]


def label_chunk(plan: Plan, chunk: Chunk) -> str:
    """Return ``chunk 3 · 0:06-0:08``, counted from the film's first frame."""
    start, end = (_format_s(_film_s(plan, chunk, bound)) for bound in (chunk.start_pts, chunk.end_pts))
    track = f" · track {chunk.track}" if len(plan.tracks) > 1 else ""
    return f"chunk {chunk.index}{track} · {start}-{end}"


def _film_s(plan: Plan, chunk: Chunk, bound: int) -> Fraction:
    track = plan.tracks[chunk.track]
    if track.cut is CutMethod.FRAME:
        return bound / Fraction(track.frame_rate)
    return track.seconds(bound - track.first_pts)


def _format_s(film_s: Fraction) -> str:
    minutes, seconds = divmod(int(film_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
