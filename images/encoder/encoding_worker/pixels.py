"""Which pixel format an encoder gets: the source's own where it can, else the nearest that loses nothing."""

from __future__ import annotations

import re

from encoding_contract.errors import UnsupportedEncoding
from encoding_contract.plan import VideoTrack
from encoding_contract.profile import VideoCodec, VideoSettings

# What the encoders of the locked ffmpeg take (ffmpeg -h encoder=NAME), as (chroma, bits), best kept first.
_TAKEN: dict[VideoCodec, tuple[tuple[str, int], ...]] = {
    VideoCodec.X264: (("420", 8), ("422", 8), ("444", 8), ("420", 10), ("422", 10), ("444", 10)),
    VideoCodec.X265: (
        *(("420", 8), ("422", 8), ("444", 8), ("420", 10), ("422", 10), ("444", 10)),
        *(("420", 12), ("422", 12), ("444", 12)),
    ),
    VideoCodec.SVT_AV1: (("420", 8), ("420", 10)),
    VideoCodec.VP9: (
        *(("420", 8), ("422", 8), ("444", 8), ("420", 10), ("422", 10), ("444", 10)),
        *(("420", 12), ("422", 12), ("444", 12)),
    ),
    VideoCodec.H264_NVENC: (("420", 8), ("444", 8)),
    VideoCodec.HEVC_NVENC: (("420", 8), ("444", 8), ("420", 10), ("444", 10)),
    VideoCodec.AV1_NVENC: (("420", 8), ("420", 10)),
}

_EVEN_ONLY = frozenset(
    {VideoCodec.X264, VideoCodec.X265, VideoCodec.H264_NVENC, VideoCodec.HEVC_NVENC, VideoCodec.AV1_NVENC}
)
"""Encoders that refuse an odd width or height where chroma is subsampled; 4:4:4 they take at any size."""

_CHROMA = ("420", "422", "444")


def choose_pixel_format(settings: VideoSettings, track: VideoTrack, width: int, height: int) -> str:
    """Return ffmpeg's name of the pixel format to encode, at a picture size in pixels.

    Raises:
        UnsupportedEncoding: the encoder takes none that holds the picture.
    """
    if settings.pixel_format is not None:
        return settings.pixel_format
    if track.has_alpha and settings.codec is VideoCodec.VP9:
        return "yuva420p"
    chroma, bits = describe_pixels(track.pixel_format)
    if settings.codec in _EVEN_ONLY and (height % 2 or (width % 2 and chroma in ("420", "422"))):
        chroma = "444"
    taken = _TAKEN[settings.codec]
    wanted = _CHROMA.index(chroma)
    by_loss = sorted(
        taken, key=lambda kind: (max(0, bits - kind[1]), _CHROMA.index(kind[0]) < wanted, kind[1], kind[0])
    )
    best_chroma, best_bits = by_loss[0]
    if settings.codec in _EVEN_ONLY and (width % 2 or height % 2) and best_chroma != "444":
        raise UnsupportedEncoding(
            f"{settings.codec.value} takes no picture of {width}x{height}: an odd size; set video.max_height to "
            "an even one, or take another codec"
        )
    return f"yuv{best_chroma}p" + ("" if best_bits == 8 else f"{best_bits}le")


def describe_pixels(pixel_format: str) -> tuple[str, int]:
    """Return chroma subsampling and bits a sample of a pixel format, rounded up to what encoders know."""
    name = pixel_format
    depth = re.search(r"(?:p|gray|ya|x2rgb|p0|p2|p4)(9|10|12|14|16)(?:le|be|$)", name)
    bits = int(depth[1]) if depth else 8
    if name.startswith(("rgb48", "bgr48", "rgba64", "bgra64")):
        bits = 16
    bits = 8 if bits == 8 else 10 if bits <= 10 else 12
    if re.search(r"444|gbr|rgb|bgr|pal8|xyz|v30x|vuy", name):
        return "444", bits
    if re.search(r"422|uyvy|yuyv|yvyu|nv16|nv20|p21", name):
        return "422", bits
    if re.search(r"440", name):
        return "444", bits
    return "420", bits
