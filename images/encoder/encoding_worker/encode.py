"""The verb ``encode``: a chunk whose result stands is left, one that an earlier job made alike is taken over, and any
other is made.
"""

from __future__ import annotations

import logging

from encoding_contract.errors import BadInput
from encoding_contract.manifest import ChunkManifest
from encoding_contract.model import Document
from encoding_contract.plan import (
    Chunk,
    Plan,
    VideoTrack,
)
from encoding_contract.profile import VideoSettings
from encoding_worker.alpha import choose_settings
from encoding_worker.budget import chunk_kbps
from encoding_worker.chunk_encoding import ChunkEncoding
from encoding_worker.reuse import take_over
from encoding_worker.task import Task, program_version
from encoding_worker.views import frame_packing

logger = logging.getLogger(__name__)


class ChunkInputs(Document):
    """All that decides an encoded chunk's bytes; its digest tells whether a result still holds."""

    source_crc32c: str
    source_bytes: int
    track: VideoTrack
    start_pts: int
    end_pts: int
    pts_digest: str
    video: VideoSettings
    kbps: int | None
    packing: int | None
    """Which way of two views (3D) the frames state; where the container states it, none."""
    encoder: str


def describe_inputs(task: Task, plan: Plan, chunk: Chunk) -> ChunkInputs:
    """Return what decides a chunk's bytes."""
    track = plan.tracks[chunk.track]
    settings = choose_settings(task.job.profile, track)
    return ChunkInputs(
        source_crc32c=task.job.source.content.crc32c,
        source_bytes=task.job.source.content.size_bytes,
        track=track,
        start_pts=chunk.start_pts,
        end_pts=chunk.end_pts,
        pts_digest=chunk.pts_digest,
        video=settings,
        kbps=chunk_kbps(task.job.profile.video, plan, chunk),
        packing=frame_packing(track.stereo_mode, settings.codec, task.job.profile.container),
        encoder=program_version(),
    )


def encode(task: Task, index: int) -> ChunkManifest:
    """Encode one chunk; leave a result that stands.

    Raises:
        BadInput: the plan has no such chunk, or the profile cannot be done here.
        DamagedSource: frames are missing and the profile does not tolerate it.
        EncoderFault: ffmpeg failed or stalled.
        ProofFailed: the encoder gave another number of frames than it got.
    """
    plan = task.load_plan()
    if index >= len(plan.chunks):
        raise BadInput(f"job {task.job.id}: the plan has chunks 0 to {len(plan.chunks) - 1}, no chunk {index}")
    return ensure_chunk(task, plan, plan.chunks[index])


def ensure_chunk(task: Task, plan: Plan, chunk: Chunk) -> ChunkManifest:
    """Return the manifest of a chunk, made now unless one stands."""
    inputs = describe_inputs(task, plan, chunk).digest()
    manifest = task.find_chunk(chunk.index)
    if manifest is not None and manifest.inputs == inputs and _stands(task, manifest):
        logger.info("job %s chunk %d: its result stands", task.job.id, chunk.index)
        return manifest
    # Frames without a manifest are a chunk that somebody cleared, and asked to be encoded again: no old ones will do.
    has_frames = task.store.stat(task.address(task.objects.chunk_video(chunk.index))) is not None
    taken = None if manifest is not None or has_frames else take_over(task, chunk.index, inputs)
    manifest = taken or ChunkEncoding(task, plan, chunk, inputs).make()
    task.store.write(task.address(task.objects.chunk_manifest(chunk.index)), manifest.to_json())
    return manifest


def _stands(task: Task, manifest: ChunkManifest) -> bool:
    for stored in (manifest.video, manifest.frame_list):
        found = task.store.stat(task.address(stored.name))
        if found is None or found[0] != stored.content:
            logger.warning(
                "job %s chunk %d: %s is missing or changed; made anew", task.job.id, manifest.chunk, stored.name
            )
            return False
    return True


def remake_from_source(task: Task, plan: Plan, chunk: Chunk) -> ChunkManifest:
    """Encode a chunk anew, decoded from the source's very beginning: its piece gave other frames than the source."""
    inputs = describe_inputs(task, plan, chunk).digest()
    manifest = ChunkEncoding(task, plan, chunk.model_copy(update={"piece": None}), inputs).make()
    task.store.write(task.address(task.objects.chunk_manifest(chunk.index)), manifest.to_json())
    return manifest
