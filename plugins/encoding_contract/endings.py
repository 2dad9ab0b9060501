"""Which names are taken for videos. What a file is in truth, the worker finds out."""

from __future__ import annotations

# fmt: off
VIDEO_ENDINGS = frozenset({
    "3g2", "3gp", "amv", "asf", "avi", "divx", "dv", "f4v", "flv", "ivf", "m1v", "m2t", "m2ts", "m2v", "m4v",
    "mjpeg", "mjpg", "mk3d", "mkv", "mod", "mov", "mp4", "mpe", "mpeg", "mpg", "mpv", "mts", "mxf", "nut", "ogm",
    "ogv", "qt", "rm", "rmvb", "tod", "ts", "vob", "webm", "wmv", "wtv", "y4m",
})
# fmt: on
"""A scan passes over names with another ending, and counts them."""


def is_video_name(name: str) -> bool:
    """Tell whether a name ends as a video's does."""
    _, dot, ending = name.rpartition(".")
    return bool(dot) and ending.lower() in VIDEO_ENDINGS
