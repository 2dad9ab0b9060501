"""Waiting for what a real stack does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

REST = 4
"""After a look comes a pause of so many times what it took: a look is a burden on what is awaited."""


def await_that(what: str, look: Callable[[], T | None], timeout_s: float = 180, every_s: float = 0.5) -> T:
    """Wait until there is something to see, and return it."""
    deadline = time.monotonic() + timeout_s
    while True:
        began = time.monotonic()
        found = look()
        now = time.monotonic()
        if found:
            return found
        if now >= deadline:
            raise AssertionError(f"waited {timeout_s:g} s in vain: {what}")
        time.sleep(min(max(every_s, REST * (now - began)), deadline - now))
