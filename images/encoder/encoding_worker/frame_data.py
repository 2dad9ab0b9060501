"""What a decoded frame carries beside its picture."""

from __future__ import annotations

from typing import cast

from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame


def _name_unknown_type(cls: type[Type], number: int) -> Type:
    member = object.__new__(cls)
    member._name_ = f"UNKNOWN_{number}"
    member._value_ = number  # type: ignore[assignment]
    return member


# PyAV reads no side data at all of a frame that has a kind which it does not know: EXIF of a camera's MJPEG, the views
# of MV-HEVC. An enumeration asks this method for what it lacks.
Type._missing_ = classmethod(_name_unknown_type)  # type: ignore[assignment]


def find_side_data(frame: VideoFrame, name: str) -> bytes | None:
    """Return the first side data of a kind, by PyAV's name of it."""
    for data in side_data_of(frame):
        if data.type.name == name:
            return bytes(data)
    return None


def side_data_of(frame: VideoFrame) -> list[SideData]:
    """Return a frame's side data; PyAV's own type for it is a mapping that iterates over its values."""
    return cast("list[SideData]", list(frame.side_data))
