"""How much a source may ask of us; real films stay far below it.

Hostile media is small and asks for much: an edit list of 100 KB makes an index of gigabytes, one timestamp makes a film
of a million years. What asks for more than a limit is refused by name, and the message says which setting raises it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from encoding_contract.command import LIMIT_PREFIX
from encoding_contract.errors import UnreadableSource
from encoding_worker import settings


@dataclass(frozen=True)
class Limits:
    """The most of each that a source may have."""

    streams: int
    chapters: int
    pixels: int
    """Of a picture."""
    frames: int
    """Of a video track."""
    channels: int
    """Of an audio track."""
    span_s: int
    """From a track's first timestamp to its last one."""
    look_s: float
    """Seconds of a first look at what the source is."""
    look_mib: int
    """Memory of a first look."""

    @classmethod
    def load(cls) -> Self:
        """Return the limits that the environment sets: MAPREEL_LIMIT_STREAMS and so on."""
        return cls(
            streams=int(_load("STREAMS", 500)),
            chapters=int(_load("CHAPTERS", 10_000)),
            pixels=int(_load("PIXELS", 2**27)),
            frames=int(_load("FRAMES", 20_000_000)),
            channels=int(_load("CHANNELS", 64)),
            span_s=int(_load("SPAN_S", 7 * 24 * 3600)),
            look_s=_load("LOOK_S", 300),
            look_mib=int(_load("LOOK_MIB", 2048)),
        )

    def check_contents(self, container: InputContainer, name: str) -> None:
        """Count what a container says that it holds.

        Raises:
            UnreadableSource: it is too much.
        """
        self.check(len(container.streams), self.streams, "STREAMS", f"{name}: has", "streams")
        self.check(len(container.chapters()), self.chapters, "CHAPTERS", f"{name}: has", "chapters")
        for sound in container.streams.audio:
            channels = sound.codec_context.channels if sound.codec_context else 0
            self.check(channels, self.channels, "CHANNELS", f"{name}: audio stream {sound.index} has", "channels")

    def check_picture(self, width: int, height: int, name: str) -> None:
        """Hold a picture's size against the limit.

        Raises:
            UnreadableSource: it is too large.
        """
        self.check(width * height, self.pixels, "PIXELS", f"{name}: pictures of {width}x{height} have", "pixels")

    def check(self, found: int, most: int, setting: str, what: str, unit: str) -> None:
        """Hold what was found against one limit.

        Raises:
            UnreadableSource: it is more.
        """
        if found > most:
            raise UnreadableSource(
                f"{what} {found} {unit}, more than the {most} that are taken; remove it, or raise "
                f"{LIMIT_PREFIX}{setting}"
            )


class PacketWatch:
    """Holds the number and the times of a track's packets against the limits, as they come."""

    def __init__(self, limits: Limits, stream: Stream, name: str) -> None:
        self._limits = limits
        self._base = Fraction(stream.time_base or 1)
        self._name = f"{name}: {stream.type} stream {stream.index}"
        self._span = int(limits.span_s / self._base)
        self._earliest: int | None = None
        self._latest = 0
        self._left = limits.frames

    def take(self, packet: Packet[Stream]) -> None:
        """Note a packet.

        Raises:
            UnreadableSource: there are too many, or their timestamps span too much.
        """
        self._left -= 1
        if self._left < 0:
            self._limits.check(self._limits.frames + 1, self._limits.frames, "FRAMES", f"{self._name} has", "packets")
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None:
            return
        if self._earliest is None:
            self._earliest = self._latest = time
        elif time > self._latest:
            self._latest = time
        elif time < self._earliest:
            self._earliest = time
        if self._latest - self._earliest > self._span:
            span_s = int((self._latest - self._earliest) * self._base)
            what = f"{self._name} has timestamps that span"
            self._limits.check(span_s, self._limits.span_s, "SPAN_S", what, "s")


def _load(name: str, default: float) -> float:
    return settings.positive(LIMIT_PREFIX + name, default)
