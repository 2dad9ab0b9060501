"""A value that all visitors share: made anew by one of them at a time, while the others get the one that stands."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Kept(Generic[T]):
    """Stale while it is made anew.

    The first visitor waits for the first value; later ones never wait. A value that takes long to make is made more
    seldom, so that no crowd of visitors makes a bucket of a million objects be listed without end.
    """

    def __init__(self, max_age_s: float, rest: float = 10, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep a value.

        Args:
            max_age_s: from this age on, the next visitor has it made anew.
            rest: it rests at least so many times as long as making it took.
            clock: seconds, monotonic.
        """
        self._max_age_s, self._rest, self._clock = max_age_s, rest, clock
        self._value: T | None = None
        self._made_at, self._took_s = 0.0, 0.0
        self._making: asyncio.Task[T] | None = None
        self.problem: str | None = None
        """Why the last making failed, while an older value stands."""

    @property
    def age_s(self) -> float:
        """How old the value is."""
        return self._clock() - self._made_at

    async def get(self, make: Callable[[], Awaitable[T]], patience_s: float = math.inf) -> T:
        """Return the value, and see to it that it is made anew where it is old.

        Args:
            make: makes it.
            patience_s: a value older than this is waited for, and not shown: nobody looked for that long.

        Raises:
            Exception: whatever ``make`` raises, as long as no value stands that is young enough.
        """
        if self._value is None or self.age_s > patience_s:
            return await self.renew(make)
        if self.age_s > max(self._max_age_s, self._rest * self._took_s):
            self._begin(make).add_done_callback(_look_at_failure)
        return self._value

    async def renew(self, make: Callable[[], Awaitable[T]]) -> T:
        """Make it anew, or wait for whoever does so now, and return it.

        Raises:
            Exception: whatever ``make`` raises.
        """
        # A visitor who leaves must not end what others wait for.
        return await asyncio.shield(self._begin(make))

    def replace(self, value: T) -> None:
        """Put a value in its place, as old as the one that stood: a part of it was mended."""
        self._value = value

    def _begin(self, make: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        if self._making is None or self._making.done():
            self._making = asyncio.create_task(self._make(make))
        return self._making

    async def _make(self, make: Callable[[], Awaitable[T]]) -> T:
        begun = self._clock()
        try:
            self._value = await make()
        except Exception as error:
            self.problem = str(error)
            raise
        else:
            self.problem = None
            return self._value
        finally:
            # After a failure, too: what does not answer is not asked at every glance.
            self._made_at = self._clock()
            self._took_s = self._made_at - begun


def _look_at_failure(done: asyncio.Task[T]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        logger.warning("The page goes on with what it knew before: %s", error)
