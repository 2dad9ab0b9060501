"""Colour descriptions (ITU-T H.273) that ffmpeg's scaler does not take, or that an encoder has no word for."""

from __future__ import annotations

from encoding_contract.plan import VideoTrack
from encoding_contract.profile import VideoCodec

RGB = ("gbr", "rgb", "bgr", "argb", "abgr", "pal")
"""What the names of pixel formats without luma and chroma begin with."""

FOREIGN_MATRICES = frozenset({8, *range(10, 18)})
"""YCgCo, BT.2020 with constant luminance, ICtCp and others: the scaler takes no picture that names one, not even where
it has nothing to do."""

_EBU_3213 = 22
_LATEST_OF_X265 = 14


def unsaid_colours(codec: VideoCodec, track: VideoTrack) -> dict[str, int]:
    """Return the code points that an encoder cannot state, by the names that ffmpeg's ``setparams`` has for them.

    Some encoders refuse a film over one, others drop it without a word.
    """
    primaries, matrix = track.colour.primaries, track.colour.matrix
    unsaid: dict[str, int] = {}
    if primaries == _EBU_3213 and codec in (VideoCodec.X264, VideoCodec.X265):
        unsaid["color_primaries"] = primaries
    if matrix is None or track.pixel_format.startswith(RGB):
        return unsaid
    # That luma and chroma are red, green and blue is a false statement; AV1 and VP9 make it only of 4:4:4.
    is_false = matrix == 0 and codec in (VideoCodec.SVT_AV1, VideoCodec.VP9)
    is_new = matrix > _LATEST_OF_X265 and codec is VideoCodec.X265
    if is_false or is_new or (matrix in FOREIGN_MATRICES and codec is VideoCodec.VP9):
        unsaid["colorspace"] = matrix
    return unsaid
