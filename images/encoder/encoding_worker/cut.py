"""A video track that is being cut, and what tells whether its pieces show the source's frames.

Frames are told apart by PTS where the packets allow it. Whether they do is not believed but tried: the first pieces
are decoded and held against a plain decode of the source.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from encoding_contract.errors import EncoderFault, UnreadableSource
from encoding_contract.job import Content
from encoding_contract.plan import VideoTrack
from encoding_worker.clock import film_options
from encoding_worker.demuxing import as_arguments
from encoding_worker.ffmpeg import run_ffmpeg
from encoding_worker.framelist import Frame, parse_framecrc
from encoding_worker.pieces import PIECE_CLOCK, Piece, PieceCutter
from encoding_worker.reference import Reference

CHECKED_FRAMES = 1500
"""So many of a track's first frames are decoded twice, to see that the pieces give the source's frames."""


@dataclass
class Cut:
    """A track being cut."""

    name: str
    track: VideoTrack
    cutter: PieceCutter
    trial: Future[Reference]
    """A plain decode of the first frames, made while the packets are read; or of all."""
    is_whole: bool = False
    """Whether all were decoded."""
    settled: list[Future[None]] = field(default_factory=list)
    """For each piece its comparison and its upload."""
    contents: dict[int, Content] = field(default_factory=dict)
    """Of the pieces that lie in the bucket, by their index."""
    mismatch: str = ""
    damage: list[str] = field(default_factory=list)

    @property
    def known(self) -> list[Frame]:
        """All frames of the plain decode.

        Raises:
            UnreadableSource: there is none.
        """
        frames = self.trial.result().frames
        if not frames:
            raise UnreadableSource(f"{self.name}: no frame decodes; upload it again")
        return frames

    @property
    def reference(self) -> list[Frame]:
        """The track's first frames, which pieces are held against.

        Raises:
            UnreadableSource: there is none.
        """
        return self.known[:CHECKED_FRAMES]

    @property
    def is_short(self) -> bool:
        """Whether the reference reaches to the track's end."""
        return len(self.known) < CHECKED_FRAMES

    @property
    def is_known(self) -> bool:
        """Whether all frames of the track are known."""
        return self.is_whole or self.is_short


def piece_number(stream: int, index: int) -> str:
    """Return what names a piece within its job."""
    return f"{stream:03d}-{index:06d}"


def compare_piece(piece: Piece, cut: Cut, name: str) -> str:
    """Return what is wrong with a piece, as far as the reference reaches; empty where nothing is."""
    known = [frame for frame in cut.reference if frame.pts is not None and frame.pts >= piece.start_pts]
    if piece.end_pts is not None:
        known = [frame for frame in known if frame.pts is not None and frame.pts < piece.end_pts]
    if not known:
        return ""
    # The reference stops within this piece: the rest of it has nothing to be held against, and is not decoded.
    is_cut_short = not cut.is_short and known[-1] is cut.reference[-1]
    until = known[-1].pts if is_cut_short else None
    try:
        found = decode_piece(piece, cut.track, f"{name} piece {piece.index}", until)
    except EncoderFault as fault:
        return f"piece {piece.index} does not decode: {fault}"
    end = piece.end_pts
    found = [f for f in found if f.pts is not None and f.pts >= piece.start_pts and (end is None or f.pts < end)]
    if piece.index == 0:
        found = [f for f in found if f.pts is not None and known[0].pts is not None and f.pts >= known[0].pts]
    if is_cut_short:
        # Reordered frames at the reference's very end may be out of place.
        known = known[:-16]
        found = found[: len(known)]
    for place, (expected, got) in enumerate(zip(known, found, strict=False)):
        if expected != got:
            return f"frame {place} of piece {piece.index} decodes otherwise than in the source"
    if len(known) != len(found):
        return f"piece {piece.index} gives {len(found)} frames, the source {len(known)}"
    return ""


def decode_piece(piece: Piece, track: VideoTrack, what: str, until_pts: int | None = None) -> list[Frame]:
    """Decode a piece, pre-roll included, to its end or to a PTS; PTS are the source's."""
    time_base = Fraction(track.time_base)
    trim = [] if until_pts is None else [f"trim=end_pts={until_pts - piece.offset + 1}"]
    # The same bytes in another format would be another picture: a container may not know which one raw video has.
    filters = ",".join((PIECE_CLOCK, *trim, f"format={track.pixel_format}"))
    run = run_ffmpeg(
        [
            *as_arguments(film_options(track, 0)),
            *("-copyts", "-noautorotate", "-i", f"file:{piece.path}", "-map", "0:v:0"),
            *("-vf", filters, "-fps_mode", "passthrough", "-enc_time_base", "filter", "-flush_packets", "1"),
            *("-f", "framecrc", "-"),
        ],
        what,
        keep_stdout=True,
    )
    return parse_framecrc(run.stdout.decode(), time_base, piece.offset, unit=time_base)


def compare_window(cut: Cut) -> str:
    """Return why the packets' PTS are not those of the decoded frames, as far as these were decoded."""
    decoded = [frame.pts for frame in cut.known]
    if any(pts is None for pts in decoded) or any(b <= a for a, b in pairwise([p for p in decoded if p is not None])):
        return "decoded frames have no increasing timestamps"
    times = [pts for pts in decoded if pts is not None]
    shown = list(cut.cutter.packets.between(times[0], None))
    if not cut.is_known:
        times = times[:-16]
        shown = shown[: len(times)]
    if times != shown:
        place = next((n for n, pair in enumerate(zip(times, shown, strict=False)) if pair[0] != pair[1]), len(times))
        return f"packets and decoded frames differ in time from frame {place} on"
    return ""
