"""Holds the frames that went into the encoders against the plan, and against each other where chunks overlap."""

from __future__ import annotations

from array import array

from encoding_contract.errors import ProofFailed
from encoding_contract.manifest import ChunkManifest
from encoding_contract.plan import Chunk, CutMethod, Plan, digest_pts
from encoding_worker.framelist import Frame, parse_frames
from encoding_worker.store import content_of_bytes
from encoding_worker.task import Task

_COMPARED = 4
"""Frames before a border that both neighbours decode, and that are compared: the last of the pre-roll, where a decoder
has long recovered from being dropped in."""


def load_frames(task: Task, manifest: ChunkManifest) -> list[Frame]:
    """Return all frames that a chunk's decoder gave, pre-roll included.

    Raises:
        ProofFailed: the list is missing, or is not the one that the manifest vouches for.
    """
    address = task.address(manifest.frame_list.name)
    raw = task.store.read(address)
    if raw is None or content_of_bytes(raw) != manifest.frame_list.content:
        raise ProofFailed(f"{address.url}: is missing or changed; clear chunk {manifest.chunk}")
    return parse_frames(raw.decode())


def own_frames(plan: Plan, chunk: Chunk, frames: list[Frame]) -> array[int]:
    """Return the PTS of the frames that belong to a chunk."""
    times = array("q", (frame.pts for frame in frames if frame.pts is not None))
    if plan.tracks[chunk.track].cut is CutMethod.FRAME:
        return times
    return array("q", (pts for pts in times if chunk.start_pts <= pts < chunk.end_pts))


def check_frames(task: Task, chunk: Chunk, manifest: ChunkManifest, times: array[int]) -> None:
    """Hold a chunk's frames against the plan.

    Raises:
        ProofFailed: says which chunk, and what differs.
    """
    if len(times) != manifest.frames or digest_pts(times) != manifest.pts_digest:
        raise ProofFailed(
            f"job {task.job.id} chunk {chunk.index}: its frame list has {len(times)} frames, its manifest "
            f"{manifest.frames}; clear it"
        )
    if manifest.pts_digest != chunk.pts_digest and not manifest.damage:
        raise ProofFailed(
            f"job {task.job.id} chunk {chunk.index}: {chunk.frames} frames planned, {len(times)} encoded, or at other "
            "times; clear it"
        )


def compare_overlap(chunk: Chunk, before: list[Frame], after: list[Frame]) -> str:
    """Return what two neighbours decode differently around their border; empty where nothing is.

    Args:
        chunk: the later of the two.
        before: all frames of the earlier one's decoder.
        after: all frames of the later one's.
    """
    border = chunk.start_pts
    earlier = {frame.pts: frame.checksum for frame in before if frame.pts is not None}
    later = {frame.pts: frame.checksum for frame in after if frame.pts is not None}
    shared = sorted(pts for pts in earlier.keys() & later.keys() if pts < border)[-_COMPARED:]
    shared += sorted(pts for pts in earlier.keys() & later.keys() if pts >= border)[:1]
    wrong = [pts for pts in shared if earlier[pts] != later[pts]]
    if wrong:
        return f"chunks {chunk.index - 1} and {chunk.index} decode the frame of PTS {wrong[0]} differently"
    return ""
