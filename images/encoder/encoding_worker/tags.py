"""What the source says in words: tags of the film and of its streams, and chapters, as a file that ffmpeg reads.

https://ffmpeg.org/ffmpeg-formats.html#Metadata-2
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer

from encoding_contract.plan import Plan, SourceStream
from encoding_contract.profile import Container, Profile
from encoding_worker.alpha import is_alpha_kept
from encoding_worker.timeline import LEAD_S, shift_to_middle
from encoding_worker.views import is_mode_held

# Figures about the source's own packets and muxer, which would be false of the output's.
_STALE = re.compile(
    r"(BPS|DURATION|NUMBER_OF_FRAMES|NUMBER_OF_BYTES|_STATISTICS_\w+|ENCODER|SOURCE_ID|VENDOR_ID|HANDLER_NAME)(-\w+)?"
    r"|major_brand|minor_version|compatible_brands|software",
    re.IGNORECASE,
)
_LONGEST = 4096


def write_tags(
    path: Path, plan: Plan, streams: Sequence[SourceStream], media: InputContainer, profile: Profile
) -> Path:
    """Write the tags and chapters of an output.

    Args:
        path: where to.
        plan: the plan.
        streams: the source's streams that the output holds, in its order.
        media: the source.
        profile: the job's.
    """
    modes = {track.stream: track.stereo_mode for track in plan.tracks if track.stereo_mode}
    transparent = {track.stream for track in plan.tracks if track.has_alpha and is_alpha_kept(profile, track)}
    lines = [";FFMETADATA1", *_tag_lines(media.metadata)]
    for stream in streams:
        tags = dict(media.streams[stream.index].metadata)
        if stream.index in transparent:
            tags["alpha_mode"] = "1"  # by which a player knows to look for alpha
        named = tags.pop("stereo_mode", "")
        mode = modes.get(stream.index, named)
        if is_mode_held(mode, profile.container):
            tags["stereo_mode"] = mode
        if profile.container is Container.MP4 and stream.title:
            tags["handler_name"] = stream.title  # where players look for the name of a track in MP4
        lines += ["[STREAM]", *_tag_lines(tags, keep=("handler_name",) if stream.title else ())]
    shift = shift_to_middle(plan) - LEAD_S
    for chapter in media.chapters():
        base = Fraction(chapter["time_base"] or 1)
        start, end = (max(0, round((chapter[at] * base + shift) * 1_000_000)) for at in ("start", "end"))
        lines += ["[CHAPTER]", "TIMEBASE=1/1000000", f"START={start}", f"END={max(start, end)}"]
        lines += _tag_lines(chapter["metadata"])
    path.write_text("\n".join(lines) + "\n")
    return path


def _tag_lines(tags: Mapping[str, str], keep: Sequence[str] = ()) -> list[str]:
    # ffmpeg takes a line's end after any backslash for a part of the text, also where that backslash is itself escaped;
    # after a zero it does not, and the text ends there.
    return [
        f"{_escape(key)}={_escape(value)}" + ("\0" if value.endswith("\\") else "")
        for key, value in tags.items()
        if (key in keep or not _STALE.fullmatch(key)) and len(value) <= _LONGEST and "\0" not in value
    ]


def _escape(text: str) -> str:
    # [ too: a key that began with it would be taken for the head of a section.
    return re.sub(r"([=;#\\\n\r\[])", r"\\\1", text)
