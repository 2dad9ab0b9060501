"""Whether an audio track's timestamps tell when its samples are heard, or only disturb."""

from __future__ import annotations

LEAST_STEP_NS = 18_000_000
"""Timestamps that leave the samples' own pace by more are believed: silence goes into holes, and what overlaps is cut.

Just less than one lost packet of Opus (20 ms) or AAC (21 ms at 48 kHz); smaller jitter stays as it is.
"""

_CUT_OF = 10
"""Where more than one in so many would be cut, no clock runs so: the samples themselves are the better one."""


class SoundClock:
    """Watches one audio track, and counts what believing its timestamps would cut."""

    def __init__(self) -> None:
        self._end: int | None = None
        self._cut = 0
        self._length = 0

    def take(self, start: int, length: int) -> None:
        """Note a packet: where it starts and how long it is, in nanoseconds."""
        self._length += length
        overlap = 0 if self._end is None else self._end - start
        if self._end is None or overlap < -LEAST_STEP_NS:
            self._end = start + length
        elif overlap > LEAST_STEP_NS:
            self._cut += min(overlap, length)
            self._end = max(self._end, start + length)
        else:
            self._end += length

    @property
    def is_usable(self) -> bool:
        """Whether the timestamps can be believed."""
        return self._cut * _CUT_OF <= self._length
