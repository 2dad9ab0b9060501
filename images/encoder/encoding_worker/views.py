"""Pictures that hold more than one flat view: two for two eyes (3D), or one all round (360 degrees)."""

from __future__ import annotations

import struct

from av.video.frame import VideoFrame

from encoding_contract.profile import Container, VideoCodec
from encoding_worker.frame_data import find_side_data, side_data_of

_SEI_UNITS = {"h264": "6", "hevc": "39|40"}
"""Types of the NAL units that hold supplemental information (ITU-T H.264 and H.265)."""

# AVStereo3DType (libavutil/stereo3d.h) and Matroska's names, for the left view first and for the right one.
_MODES = {
    1: ("left_right", "right_left"),
    2: ("top_bottom", "bottom_top"),
    3: ("block_lr", "block_rl"),
    4: ("checkerboard_lr", "checkerboard_rl"),
    6: ("row_interleaved_lr", "row_interleaved_rl"),
    7: ("col_interleaved_lr", "col_interleaved_rl"),
}
_IS_INVERTED = 1
_X264_PACKING = {
    "checkerboard_lr": 0,
    "col_interleaved_lr": 1,
    "row_interleaved_lr": 2,
    "left_right": 3,
    "top_bottom": 4,
    "block_lr": 5,
}
_WEBM_MODES = frozenset({"mono", "left_right", "right_left", "top_bottom", "bottom_top"})


def stereo_mode(frame: VideoFrame) -> str:
    """Return how two views lie in a picture, by Matroska's name; empty where there is one, or no name for it."""
    found = find_side_data(frame, "STEREO3D")
    if found is None:
        return ""
    kind, flags = struct.unpack_from("=2i", found)
    return _MODES.get(kind, ("", ""))[flags & _IS_INVERTED]


def is_mode_held(mode: str, container: Container) -> bool:
    """Tell whether there is a mode, and the container can say it."""
    return bool(mode) and (container is Container.MKV or (container is Container.WEBM and mode in _WEBM_MODES))


def frame_packing(mode: str, codec: VideoCodec, container: Container) -> int | None:
    """Return x264's number for a mode, where it must tell what the container cannot; ``None`` where nobody tells.

    What both tell no program of ffmpeg 9 decodes: see ``hidden_units``.
    """
    if codec is not VideoCodec.X264 or is_mode_held(mode, container):
        return None
    return _X264_PACKING.get(mode)


def is_spherical(frame: VideoFrame) -> bool:
    """Tell whether a picture is a view all round."""
    return find_side_data(frame, "SPHERICAL") is not None


def without_packing() -> dict[str, str]:
    """Return the options of ffmpeg's program that hide what x264 was told to tell, as Matroska tells it by itself."""
    return {"bsf:0": f"filter_units=remove_types={_SEI_UNITS['h264']}"}


def hidden_units(frame: VideoFrame, codec: str) -> str:
    """Return the types of NAL units to leave out, so that two views are stated once.

    A 3D film is told by its container, by its frames (frame packing SEI), or by both, as most are. The third kind no
    program of ffmpeg 9 decodes: it ends with "File exists", as a frame may have but one such statement.
    """
    statements = sum(data.type.name == "STEREO3D" for data in side_data_of(frame))
    return _SEI_UNITS.get(codec, "") if statements > 1 else ""
