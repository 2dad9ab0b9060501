"""What a pod asks of a node: threads, memory and scratch, by verb, and for a chunk by its pixels and codec.

The figures are ceilings seen with the encoders of ffmpeg 9 at their medium presets, rounded up. Too little memory is
mended by itself (see ``pod_recovery``); too much costs a place on a node for as long as the pod runs.
"""

from __future__ import annotations

import math

from pydantic import Field

from encoding_contract.command import Verb
from encoding_contract.job import Job
from encoding_contract.model import Document
from encoding_contract.plan import Chunk, Plan, VideoTrack
from encoding_contract.profile import VideoCodec

_MIB = 1024 * 1024

# Bytes of memory for each pixel of a frame: reference frames, lookahead, and one frame for each thread.
_BYTES_PER_PIXEL = {
    VideoCodec.X264: 450,
    VideoCodec.X265: 900,
    VideoCodec.SVT_AV1: 1200,
    VideoCodec.VP9: 600,
    VideoCodec.H264_NVENC: 250,
    VideoCodec.HEVC_NVENC: 250,
    VideoCodec.AV1_NVENC: 250,
}
_PROGRAM_MIB = 384
"""Python, the storage client, ffmpeg's own code, and the decoder of a small picture."""
_DEEP_FACTOR = 1.6
"""More than 8 bits a sample are kept in 2 bytes."""
_PIXELS_PER_THREAD = 520_000
"""1080p gives an encoder 4 threads: with more, x264 and x265 gain little and lose quality to frame threading."""
_THREADS_LIMIT = 16
_GPU_THREADS = 2
_SCRATCH_FLOOR_MIB = 1024


class PodSize(Document):
    """Resources of the pod's container."""

    threads: int = Field(ge=1)
    """The CPU limit, and the encoder's threads."""
    memory_mib: int = Field(ge=1)
    scratch_mib: int = Field(ge=1)
    gpus: int = Field(default=0, ge=0)

    @property
    def cpu_request_millis(self) -> int:
        """Three quarters of the limit: a node with as many cores as threads keeps some for its own daemons."""
        return self.threads * 750


def size_pod(verb: Verb, job: Job, plan: Plan | None = None, chunk: Chunk | None = None) -> PodSize:
    """Return what a pod needs; a chunk's plan and chunk go with ``Verb.ENCODE``."""
    if verb is Verb.ENCODE and plan is not None and chunk is not None:
        return _size_chunk(job, plan.tracks[chunk.track], chunk)
    if verb is Verb.ENCODE_AUDIO:
        # All tracks that are not uploaded while they are made: FLAC, the widest, stays below 1/4 of most sources.
        kept_bytes = 0 if job.profile.audio.codec.is_written_in_order else job.source.content.size_bytes // 4
        return PodSize(threads=1, memory_mib=768, scratch_mib=_scratch(kept_bytes))
    # Splitting and merging copy streams piece by piece, so they grow with a chunk and not with the film.
    return PodSize(threads=1, memory_mib=1024, scratch_mib=_scratch(min(job.source.content.size_bytes, 8 << 30)))


def _size_chunk(job: Job, track: VideoTrack, chunk: Chunk) -> PodSize:
    codec = job.profile.video.codec
    pixels = track.width * track.height
    threads = min(_THREADS_LIMIT, max(1, round(pixels / _PIXELS_PER_THREAD)))
    depth = _DEEP_FACTOR if _is_deep(job.profile.video.pixel_format or track.pixel_format) else 1.0
    memory_mib = _PROGRAM_MIB + math.ceil(pixels * _BYTES_PER_PIXEL[codec] * depth / _MIB)
    # The piece of the source, the encoded chunk (at worst about as large), and the frame list. A chunk without a piece
    # is decoded out of the bucket, and has its share of the source's bytes.
    source_bytes = chunk.piece_bytes or job.source.content.size_bytes * chunk.frames // track.frames
    scratch_mib = _scratch(2 * source_bytes + 64 * chunk.frames)
    if codec.needs_gpu:
        return PodSize(threads=_GPU_THREADS, memory_mib=memory_mib, scratch_mib=scratch_mib, gpus=1)
    return PodSize(threads=threads, memory_mib=memory_mib, scratch_mib=scratch_mib)


def _is_deep(pixel_format: str) -> bool:
    return pixel_format.endswith(("le", "be")) or pixel_format.startswith("p01")


def _scratch(size_bytes: int) -> int:
    return _SCRATCH_FLOOR_MIB + math.ceil(size_bytes / _MIB)
