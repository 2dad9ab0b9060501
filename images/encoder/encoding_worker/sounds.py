"""Whether an audio track's timestamps tell when its samples are heard, or only disturb."""

from __future__ import annotations

LEAST_STEP_S = 0.018
"""Timestamps that leave the samples' own pace by more are believed: silence goes into holes, and what overlaps is cut.

Just less than one lost packet of Opus (20 ms) or AAC (21 ms at 48 kHz); smaller jitter stays as it is.
"""

_MOST_CUT = 0.1
"""Where more than this of a track would be cut, no clock runs so: the samples themselves are the better one."""


class SoundClock:
    """Watches one audio track, and counts what believing its timestamps would cut."""

    def __init__(self) -> None:
        self._end: float | None = None
        self._cut = 0.0
        self._length = 0.0

    def take(self, start: float, length: float) -> None:
        """Note a packet: where it starts and how long it is, in seconds."""
        self._length += length
        overlap = 0.0 if self._end is None else self._end - start
        if self._end is None or overlap < -LEAST_STEP_S:
            self._end = start + length
        elif overlap > LEAST_STEP_S:
            self._cut += min(overlap, length)
            self._end = max(self._end, start + length)
        else:
            self._end += length

    @property
    def is_usable(self) -> bool:
        """Whether the timestamps can be believed."""
        return self._cut <= _MOST_CUT * self._length
