"""Cuts a track's packets into pieces that decode alone, without a copy of the film and without decoding it.

A piece begins at a keyframe far enough before its chunk (pre-roll) and ends after the leading pictures of the next
chunk's keyframe, so that an open GOP loses nothing at either end. Packets are copied, never changed.

A piece is a file in which a millisecond stands for one tick of the source's time base: Matroska holds most codecs but
knows only milliseconds, and a timestamp must not be rounded.
"""

from __future__ import annotations

import logging
from array import array
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

VideoPacket: TypeAlias = "Packet[VideoStream]"

logger = logging.getLogger(__name__)

PIECE_UNIT = Fraction(1, 1000)
"""Seconds of a tick in a piece; each stands for one tick of the source."""

PIECE_CLOCK = f"settb={PIECE_UNIT.numerator}/{PIECE_UNIT.denominator}"
"""The filter that gives a piece's frames this clock, whatever clock the container made of it."""

_CONTAINERS = ("matroska", "nut")
"""Matroska takes most codecs, NUT most of the others (DV, FLV1, PNG, GIF); a track that neither takes is not cut."""

_PREROLL_PACKETS = 12
"""Pre-roll reaches back to a keyframe at least so many packets before the border: past the references of the leading
pictures of the border's keyframe, and past what a decoder may drop after it was dropped in."""

_PREROLL_LIMIT_BYTES = 64 * 1024 * 1024
"""Packets kept for pre-roll; where a GOP is larger, no chunk begins at the next keyframe."""

_EARLIEST_DTS = 900
"""Ticks before the first PTS at which decoding begins where the source does not say."""

_STRETCH = 4
"""A chunk that grows to so many times its wanted length for want of a keyframe is decoded from the source itself."""


@dataclass
class Piece:
    """A chunk in the making: its range of PTS so far, and its file."""

    index: int
    start_pts: int
    path: Path | None
    offset: int = 0
    end_pts: int | None = None
    output: OutputContainer | None = None
    out_stream: VideoStream | None = None


@dataclass
class TrackPackets:
    """What was seen of a track's packets, and whether they can be told apart by PTS."""

    shown: array[int] = field(default_factory=lambda: array("q"))
    hidden: array[int] = field(default_factory=lambda: array("q"))
    """PTS of packets that an edit list keeps from being shown."""
    sizes: array[int] = field(default_factory=lambda: array("q"))
    """Bytes of the shown packets, in the order of ``shown``."""
    last_dts: int | None = None
    last_end: int = 0
    fault: str = ""
    """Why PTS cannot tell the frames apart; empty where they can."""

    def take(self, packet: VideoPacket) -> None:
        """Note a packet."""
        if packet.pts is None:
            self.fault = self.fault or f"packet {len(self.shown)} has no timestamp"
            return
        if packet.dts is None:
            # Matroska stores none, and the demuxer learns the first ones too late. They only have to increase.
            packet.dts = packet.pts - _EARLIEST_DTS if self.last_dts is None else self.last_dts
        if self.last_dts is not None and packet.dts < self.last_dts:
            self.fault = self.fault or f"decoding timestamps run backwards at packet {len(self.shown)}"
        if packet.pts < packet.dts:
            self.fault = self.fault or f"packet {len(self.shown)} is shown before it is decoded"
        if packet.has_sidedata("new_extradata") or packet.has_sidedata("param_change"):
            self.fault = self.fault or f"the codec's parameters change at packet {len(self.shown)}"
        self.last_dts = packet.dts
        if packet.is_discard:
            self.hidden.append(packet.pts)
            return
        self.shown.append(packet.pts)
        self.sizes.append(packet.size)
        self.last_end = (
            max(self.last_end, packet.pts + (packet.duration or 0))
            if len(self.shown) > 1
            else packet.pts + (packet.duration or 0)
        )

    def finish(self) -> None:
        """Sort what was seen, and look for what only the whole shows."""
        order = sorted(range(len(self.shown)), key=self.shown.__getitem__)
        self.sizes = array("q", (self.sizes[at] for at in order))
        self.shown = array("q", (self.shown[at] for at in order))
        for before, after in zip(self.shown, self.shown[1:], strict=False):
            if before == after:
                self.fault = self.fault or f"two packets have the timestamp {before}"
                break
        if self.shown and any(self.shown[0] < pts < self.shown[-1] for pts in self.hidden):
            self.fault = self.fault or "an edit list hides frames in the middle"

    def weigh(self, start_pts: int, end_pts: int | None) -> int:
        """Return the bytes of the shown packets with a PTS in ``[start_pts, end_pts)``; after ``finish``."""
        end = len(self.shown) if end_pts is None else bisect_left(self.shown, end_pts)
        return sum(self.sizes[bisect_left(self.shown, start_pts) : end])

    def between(self, start_pts: int, end_pts: int | None) -> array[int]:
        """Return the PTS of the shown packets in ``[start_pts, end_pts)``; after ``finish``."""
        end = len(self.shown) if end_pts is None else bisect_left(self.shown, end_pts)
        return self.shown[bisect_left(self.shown, start_pts) : end]


class PieceCutter:
    """Cuts one track; fed with its packets in the order of the source.

    Args:
        stream: the source's stream.
        wanted_ticks: the wanted length of a chunk; 0 for no cut.
        total_ticks: the length that the container declares, used only to leave no stub at the end; 0 if unknown.
        folder: where pieces are written.
        on_finished: takes each finished piece, in order.
    """

    def __init__(
        self,
        stream: VideoStream,
        wanted_ticks: int,
        total_ticks: int,
        folder: Path,
        on_finished: Callable[[Piece], None],
    ) -> None:
        self.stream = stream
        self.packets = TrackPackets()
        self.pieces: list[Piece] = []
        self._wanted = wanted_ticks
        self._total = total_ticks
        self._folder = folder
        self._on_finished = on_finished
        self._preroll: list[VideoPacket] = []
        self._preroll_bytes = 0
        self._closing: Piece | None = None

    def take(self, packet: VideoPacket) -> None:
        """Take the next packet of the track."""
        self.packets.take(packet)
        if self._wanted == 0 or self.packets.fault:
            self._abandon()
            return
        assert packet.pts is not None
        assert packet.dts is not None
        if not self.pieces:
            self._begin(packet.pts, [packet])
        else:
            if packet.is_keyframe and self._is_border(packet):
                self._closing = self.pieces[-1]
                self._closing.end_pts = packet.pts
                self._begin(packet.pts, [*self._preroll, packet])
            else:
                self._write(self.pieces[-1], packet)
            if self._closing is not None:
                self._write(self._closing, packet)
                # PTS is never before DTS: from here on nothing can belong to the chunk before.
                if packet.dts >= (self._closing.end_pts or 0):
                    self._finish(self._closing)
                    self._closing = None
        self._remember(packet)

    def finish(self) -> None:
        """Take the end of the track."""
        self.packets.finish()
        if self.packets.fault:
            self._abandon()
        for piece in (self._closing, self.pieces[-1] if self.pieces else None):
            if piece is not None:
                self._finish(piece)
        self._closing = None

    def _is_border(self, packet: VideoPacket) -> bool:
        assert packet.pts is not None
        first, last = self.pieces[0].start_pts, self.pieces[-1].start_pts
        # Borders follow the multiples of the wanted length: counted from border to border, each chunk would be longer
        # by the way to its keyframe, and a film would have fewer chunks than anybody expects.
        is_due = (packet.pts - first) // self._wanted > (last - first) // self._wanted
        if self._closing is not None or not self._preroll or not is_due or (packet.pts - last) * 2 < self._wanted:
            return False
        remaining = first + self._total - packet.pts
        return not self._total or remaining * 2 >= self._wanted or remaining <= 0

    def _remember(self, packet: VideoPacket) -> None:
        if packet.is_keyframe:
            keys = [at for at, kept in enumerate(self._preroll) if kept.is_keyframe]
            enough = [at for at in keys if len(self._preroll) - at >= _PREROLL_PACKETS]
            self._preroll = self._preroll[enough[-1] :] if enough else self._preroll
            self._preroll_bytes = sum(kept.size for kept in self._preroll)
        elif not self._preroll:
            return
        self._preroll.append(packet)
        self._preroll_bytes += packet.size
        if self._preroll_bytes > _PREROLL_LIMIT_BYTES:
            self._preroll, self._preroll_bytes = [], 0

    def _begin(self, start_pts: int, packets: list[VideoPacket]) -> None:
        piece = Piece(
            len(self.pieces), start_pts, self._folder / f"piece-{self.stream.index}-{len(self.pieces):06d}.mkv"
        )
        first_dts = packets[0].dts or 0
        # Nothing may be below 0: the muxer would move all timestamps by an amount of its own choice.
        piece.offset = min([first_dts, *(packet.pts for packet in packets if packet.pts is not None)]) - 1000
        self.pieces.append(piece)
        if not self._open(piece):
            self._drop(piece)
            self._wanted = 0
            return
        for packet in packets:
            self._write(piece, packet)

    def _open(self, piece: Piece) -> bool:
        """Begin a piece's file; return whether any container takes the codec."""
        for container in _CONTAINERS:
            # bitexact: Matroska's ids are else random, and the plan vouches for the piece's bytes.
            output = av.open(str(piece.path), "w", format=container, container_options={"fflags": "bitexact"})
            try:
                piece.out_stream = output.add_stream_from_template(self.stream, opaque=True)
                piece.out_stream.time_base = PIECE_UNIT
                # The muxer has the last word, with the header: it may know a codec's name, and not this form of it.
                output.start_encoding()
            except (ValueError, av.error.FFmpegError) as refusal:
                logger.info("%s does not take %s: %s", container, self.stream.codec_context.name, refusal)
                output.close()
                continue
            piece.output = output
            return True
        return False

    def _write(self, piece: Piece, packet: VideoPacket) -> None:
        if piece.output is None:
            return
        assert packet.pts is not None
        assert packet.dts is not None
        if packet.pts - piece.offset < 0:
            self.packets.fault = self.packets.fault or f"timestamps run backwards at packet {len(self.packets.shown)}"
            return
        if piece.end_pts is None and packet.pts - piece.start_pts > _STRETCH * self._wanted:
            self._drop(piece)
            return
        copy: Packet[Stream] = Packet(bytes(packet))
        copy.pts, copy.dts = packet.pts - piece.offset, packet.dts - piece.offset
        copy.time_base = PIECE_UNIT
        for side_data in packet.iter_sidedata():
            copy.set_sidedata(side_data)
        assert piece.out_stream is not None
        copy.stream = piece.out_stream
        copy.is_keyframe = packet.is_keyframe
        try:
            piece.output.mux(copy)
        except (av.error.InvalidDataError, av.error.ArgumentError) as error:
            # Damage that the muxer cannot take apart (AV1): the decoder's view of the whole tells what is a frame.
            self.packets.fault = self.packets.fault or f"packet {len(self.packets.shown)} goes into no piece: {error}"

    def _finish(self, piece: Piece) -> None:
        if piece.output is not None:
            piece.output.close()
            piece.output = piece.out_stream = None
        self._on_finished(piece)

    def _drop(self, piece: Piece) -> None:
        """Make a chunk one that is decoded from the source itself."""
        if piece.output is not None:
            piece.output.close()
            piece.output = piece.out_stream = None
        if piece.path is not None:
            piece.path.unlink(missing_ok=True)
            piece.path = None

    def _abandon(self) -> None:
        for piece in (self._closing, self.pieces[-1] if self.pieces else None):
            if piece is not None:
                self._drop(piece)
