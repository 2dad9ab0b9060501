"""Sizes, times and ages as people read them. What is not known is a dash."""

from __future__ import annotations

from datetime import datetime

UNKNOWN = "–"

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


def size(size_bytes: float | None) -> str:
    """Return ``5.51 MB``: three digits, powers of 1,000."""
    if size_bytes is None:
        return UNKNOWN
    value, unit = float(size_bytes), 0
    # 999.5 would be written as 1000.
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 0 if unit == 0 or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {_UNITS[unit]}"


def clock(duration_s: float | None) -> str:
    """Return ``1:02:03``, or ``2:03`` below an hour."""
    if duration_s is None:
        return UNKNOWN
    minutes, seconds = divmod(round(duration_s), _MINUTE_S)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def span(duration_s: float | None) -> str:
    """Return ``45 s``, ``12 min``, ``3.5 h`` or ``2 d``: how long something takes, or took."""
    if duration_s is None:
        return UNKNOWN
    if duration_s < 9.95:
        return f"{max(duration_s, 0):.1f} s"
    if duration_s < 2 * _MINUTE_S:
        return f"{duration_s:.0f} s"
    if duration_s < 2 * _HOUR_S:
        return f"{duration_s / _MINUTE_S:.0f} min"
    if duration_s < 2 * _DAY_S:
        return f"{duration_s / _HOUR_S:.1f} h"
    return f"{duration_s / _DAY_S:.0f} d"


def age(since: datetime | None, now: datetime) -> str:
    """Return how long ago it was: ``12 min``."""
    return UNKNOWN if since is None else span((now - since).total_seconds())


def moment(at: datetime | None) -> str:
    """Return ``2026-01-31 12:03:04 UTC``."""
    return UNKNOWN if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def times(speed: float | None) -> str:
    """Return ``12.3×``: seconds of film in a second."""
    return UNKNOWN if speed is None else f"{speed:.{1 if speed < 99.95 else 0}f}×"


def change(before: float | None, after: float | None) -> str:
    """Return ``−45 %``: what the second is against the first."""
    if not before or after is None:
        return UNKNOWN
    percent = round((after / before - 1) * 100)
    return f"−{-percent} %" if percent < 0 else f"+{percent} %"


def figure(value: float | None, digits: int = 1) -> str:
    """Return a plain number."""
    return UNKNOWN if value is None else f"{value:.{digits}f}"
