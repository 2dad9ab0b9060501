"""The clock of everything between source and output: seconds since the source's start, and a lead.

The lead keeps what an encoder puts before the first sample or frame (priming, reordering) above 0: a muxer that meets
a negative timestamp moves all of them by an amount of its own choice, and audio and video are muxed apart here.
"""

from __future__ import annotations

from fractions import Fraction

from encoding_contract.plan import Plan

LEAD_S = 10


def shift_to_middle(plan: Plan) -> Fraction:
    """Return what is added to a source's time to get the middle clock's, in seconds."""
    return LEAD_S - Fraction(plan.start_us, 1_000_000)


def seconds_text(seconds: Fraction) -> str:
    """Write seconds as ffmpeg takes them: to the microsecond."""
    micros = round(seconds * 1_000_000)
    sign = "-" if micros < 0 else ""
    return f"{sign}{abs(micros) // 1_000_000}.{abs(micros) % 1_000_000:06d}"
