"""The bits of a film at a mean bit rate, shared out over its chunks by a first look at their complexity.

The look costs nothing: what the source's own encoder spent on a chunk. As x264 does it over frames (qcomp), bits grow
with complexity to the power of 0.6, so that quiet passages are not starved.
"""

from __future__ import annotations

import math

from encoding_contract.plan import Chunk, Plan
from encoding_contract.profile import VideoSettings

_COMPRESSION = 0.6


def chunk_kbps(settings: VideoSettings, plan: Plan, chunk: Chunk) -> int | None:
    """Return a chunk's mean bit rate in 1,000 bits a second, or ``None`` at constant quality."""
    if settings.bitrate_kbps is None:
        return None
    chunks = plan.chunks_of(chunk.track)
    shares = {each.index: _share(each) for each in chunks}
    frames = sum(each.frames for each in chunks)
    mean = sum(shares[each.index] * each.frames for each in chunks) / frames
    return max(1, round(settings.bitrate_kbps * shares[chunk.index] / mean))


def _share(chunk: Chunk) -> float:
    return math.pow(max(1.0, chunk.weight_bytes / chunk.frames), _COMPRESSION)
