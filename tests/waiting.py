"""Waiting for what a real stack does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")


def no_scan_soon() -> dict[str, str]:
    """Settings of a stack to which no scheduled scan comes within hours: it would find a test's films before the test.

    No fixed time of the day would do, as tests run at any.
    """
    return {"MAPREEL_SCAN_CRON": f"0 {(datetime.now(UTC).hour + 12) % 24} * * *"}


def await_that(what: str, look: Callable[[], T | None], timeout_s: float = 180, every_s: float = 0.5) -> T:
    """Wait until there is something to see, and return it."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(every_s)
    raise AssertionError(f"waited {timeout_s:g} s in vain: {what}")
