"""Whether an audio track's timestamps tell when its samples are heard, or only disturb."""

from __future__ import annotations

from fractions import Fraction

from av.packet import Packet
from av.stream import Stream

_MOST_OVERLAP_S = Fraction(1, 2)
"""Packets that overlap by more than this in all: no clock runs so; the samples themselves are the better clock."""


class SoundClock:
    """Watches the packets of one audio track."""

    def __init__(self) -> None:
        self._end: Fraction | None = None
        self._overlap = Fraction(0)

    def take(self, packet: Packet[Stream]) -> None:
        """Note a packet."""
        if packet.pts is None or not packet.duration:
            return
        base = Fraction(packet.time_base or 1)
        start = packet.pts * base
        if self._end is not None and start < self._end:
            self._overlap += self._end - start
        self._end = start + packet.duration * base

    @property
    def is_usable(self) -> bool:
        """Whether the timestamps can be believed."""
        return self._overlap <= _MOST_OVERLAP_S
