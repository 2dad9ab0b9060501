"""Lines of text that overlap in time, which not every container can hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av

from encoding_contract.plan import SourceStream
from encoding_contract.profile import Container
from encoding_contract.report import LeftOut


def list_cut_cues(subtitles: Path, held: Sequence[SourceStream], container: Container) -> list[LeftOut]:
    """Return what MP4 cuts of subtitles: one sample follows another there, so the next cue ends the last one.

    Args:
        subtitles: a file of the tracks, in order.
        held: the tracks of it.
        container: what they go into.
    """
    if container is not Container.MP4:
        return []
    cut = [0] * len(held)
    end = [0] * len(held)
    with av.open(f"file:{subtitles}") as file:
        for packet in file.demux():
            if packet.pts is None:
                continue  # the end of a track
            track = packet.stream.index
            cut[track] += packet.pts < end[track]
            end[track] = max(end[track], packet.pts + (packet.duration or 0))
    return [
        LeftOut(
            what=f"the rest of {number} cues of subtitle stream {stream.index} ({stream.codec})",
            reason="mp4 holds one cue at a time, so that the next one ends it; mkv holds cues that overlap",
        )
        for stream, number in zip(held, cut, strict=True)
        if number
    ]
