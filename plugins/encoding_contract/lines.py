"""Names and titles of strangers in messages: always one line, in which nothing is hidden or forged."""

from __future__ import annotations

import re

# Control characters, what ends a line anywhere, what turns the direction of reading, and lone surrogates, which no
# terminal and no log takes. The joiner of emoji (U+200D) stays.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str) -> str:
    r"""Return a text with all that could end or forge a line written as an escape: ``\n``, ``\x1b``, ``\u2028``."""
    return _UNFIT.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text.strip())
