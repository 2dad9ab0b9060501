"""One clock for a film whose own starts again in the middle: recordings that were put one behind another.

Split sees every packet in the order of the source, and notes for each stream from which byte on its timestamps are to
be shifted. Whatever reads the source later shifts them there, before anything else sees them: pictures, sounds and
subtitles by the same time, or they would drift apart by what one is longer than the other in each recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from av.packet import Packet
from av.stream import Stream

from encoding_contract.plan import ClockJump, SourceStream, VideoTrack

_NS = 1_000_000_000

_LEAST_JUMP_NS = 500_000_000
"""A clock that falls back by less has stumbled, and what lies there is moved or cut by so much."""

_MOST_JUMPS = 1400
"""A film with more has no clock: its jumps would be longer than an argument of a program may be (128 KiB)."""

_MOST_TERMS = 50
"""Of one sum in an expression; ffmpeg takes about twice as many."""


@dataclass
class _StreamClock:
    """What is known of one stream's clock; all times in nanoseconds."""

    base: Fraction
    """Nanoseconds of one tick."""
    last: int | None = None
    """The last packet's decoding time, as the source has it."""
    end: int = 0
    """Where what was taken ends, by the film's clock."""
    part: int = 0
    """The recording that its last packet belongs to."""
    begins: list[tuple[int | None, int]] = field(default_factory=list)
    """At which byte which recording begins, from the second one on; ``None`` where no byte tells it from the last."""
    reached: int = -1
    """The byte that the last packet lies at."""
    earliest: int = 0
    """When the first picture of its recording is shown, as the source has it, as far as was read."""

    def time(self, ticks: int) -> int:
        """Return a number of ticks in whole nanoseconds."""
        return ticks * self.base.numerator // self.base.denominator


class FilmClock:
    """Watches all packets of a film.

    It counts in nanoseconds, for speed: far finer than any tick, so that a shift of whole ticks is found again.

    Args:
        bases: the time base of each stream that is watched, in seconds, by the stream's index.
        film: the index of the stream that the others follow.
    """

    def __init__(self, bases: Mapping[int, Fraction], film: int) -> None:
        self._streams = {index: _StreamClock(base * _NS) for index, base in bases.items()}
        self._film = film
        self._shifts = [0]
        """Of each recording."""
        self._is_settled = [True]
        """Of each recording, whether its shift comes from the film's own packets."""
        self._now = 0

    def take(self, packet: Packet[Stream]) -> int | None:
        """Take the next packet of the source.

        Returns:
            When it is shown or heard, in nanoseconds by the film's clock; ``None`` where it has no time.
        """
        index = packet.stream.index
        stream = self._streams[index]
        ticks = packet.dts if packet.pts is None else packet.pts
        if ticks is None:
            return None
        shown = stream.time(ticks)
        if packet.dts is not None:
            # By what is shown alone, reordered frames would look like jumps.
            self._follow(stream, stream.time(packet.dts), shown, packet.pos, index == self._film)
        shown += self._shifts[stream.part]
        stream.end = max(stream.end, shown + self.length(packet))
        return shown

    def length(self, packet: Packet[Stream]) -> int:
        """Return how long a packet is shown or heard, in nanoseconds."""
        return self._streams[packet.stream.index].time(packet.duration or 0)

    def _follow(self, stream: _StreamClock, at: int, shown: int, position: int | None, is_film: bool) -> None:
        """Find out which recording a packet belongs to."""
        if len(self._shifts) > _MOST_JUMPS + 1:
            return
        part = self._part_of(stream, at) if stream.part < len(self._shifts) - 1 else stream.part
        if part == stream.part and stream.last is not None and at < stream.last - _LEAST_JUMP_NS:
            self._shifts.append(stream.end - shown)
            self._is_settled.append(is_film)
            part = len(self._shifts) - 1
        elif is_film and not self._is_settled[part]:
            # A sound's first packet came before the picture's.
            self._shifts[part], self._is_settled[part] = stream.end - shown, True
        if part != stream.part:
            stream.begins.append((position if position is not None and position > stream.reached else None, part))
            stream.part, stream.earliest = part, shown
        elif is_film and part and at <= shown < stream.earliest:
            # Of an open GOP: it is shown before the keyframe that it stands behind, and after the recording before.
            self._shifts[part] += stream.earliest - shown
            stream.earliest = shown
        stream.reached = max(stream.reached, -1 if position is None else position)
        stream.last = at
        self._now = at + self._shifts[part]

    def _part_of(self, stream: _StreamClock, at: int) -> int:
        """Return in which recording a time lies nearest to what the source had just before."""
        parts = range(stream.part, len(self._shifts))
        return min(parts, key=lambda part: abs(at + self._shifts[part] - self._now))

    def jumps_of(self, index: int, base: Fraction) -> tuple[ClockJump, ...] | None:
        """Return the jumps of a stream; those of the film where the stream was not watched; ``None`` if untold.

        Args:
            index: the stream's index.
            base: its time base, in seconds.
        """
        begins = self._streams[index if index in self._streams else self._film].begins
        if not begins:
            return ()
        jumps = tuple(
            ClockJump(position=position, shift=round(Fraction(self._shifts[part], _NS) / base))
            for position, part in begins
            if position is not None
        )
        return jumps if len(jumps) == len(begins) and len(self._shifts) <= _MOST_JUMPS + 1 else None


class ClockShift:
    """Shifts the packets of one stream, read from its beginning, as ``clock_options`` has ffmpeg do.

    Args:
        jumps: the stream's.
    """

    def __init__(self, jumps: Iterable[ClockJump]) -> None:
        self._left = list(reversed(list(jumps)))
        self._shift = 0
        self._decoded = -(1 << 62)

    def take(self, packet: Packet[Stream]) -> None:
        """Shift the next packet."""
        while self._left and packet.pos is not None and packet.pos >= self._left[-1].position:
            self._shift = self._left.pop().shift
        if packet.pts is not None:
            packet.pts += self._shift
        if packet.dts is not None:
            # A recording that reorders deeper than the one before begins to decode before that has ended.
            self._decoded = max(self._decoded, packet.dts + self._shift)
            packet.dts = self._decoded


def film_options(track: VideoTrack, index: int, jumps: tuple[ClockJump, ...] = ()) -> dict[str, str]:
    """Return the options of ffmpeg's program that read a track as the plan has it.

    Args:
        track: the track.
        index: the stream's index in the file that is read.
        jumps: those of its clock there; a piece has the film's.
    """
    filters = [f"filter_units=remove_types={track.hidden_units}"] if track.hidden_units else []
    filters += [_shifting(jumps)] if jumps else []
    return {f"bsf:{index}": ",".join(filters)} if filters else {}


def clock_options(streams: Iterable[SourceStream]) -> dict[str, str]:
    """Return the options of ffmpeg's program that read streams of the source by the film's clock.

    https://ffmpeg.org/ffmpeg-bitstream-filters.html#setts
    """
    return {f"bsf:{stream.index}": _shifting(stream.clock_jumps) for stream in streams if stream.clock_jumps}


def _shifting(jumps: tuple[ClockJump, ...]) -> str:
    # Of what begins together in a container's packet only the first has a position.
    reached = "0*st(0,max(ld(0),POS))"
    before = [0, *(jump.shift for jump in jumps)]
    steps = [f"gte(ld(0),{jump.position})*({jump.shift - last})" for jump, last in zip(jumps, before, strict=False)]
    sums = [f"({'+'.join(steps[start : start + _MOST_TERMS])})" for start in range(0, len(steps), _MOST_TERMS)]
    shift = "+".join(sums)
    shifted = [f"{name.lower()}='{reached}+if(eq({name},NOPTS),{name},{name}+{shift})'" for name in ("PTS", "DTS")]
    return f"setts={':'.join(shifted)}"
