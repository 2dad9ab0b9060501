"""Waiting for what a real stack does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def await_that(what: str, look: Callable[[], T | None], timeout_s: float = 180, every_s: float = 0.5) -> T:
    """Wait until there is something to see, and return it."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(every_s)
    raise AssertionError(f"waited {timeout_s:g} s in vain: {what}")
