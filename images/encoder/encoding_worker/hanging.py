"""A demuxer or decoder in this process that does not come back: nothing can stop it but the end of the process.

ffmpeg's own programs are watched from outside (``ffmpeg.py``). What PyAV does happens here, below the interpreter,
where no exception and no signal handler gets through.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from encoding_worker import settings

Item = TypeVar("Item")

_POLL_S = 1.0


class HangWatch:
    """Ends the process when a call into ffmpeg's libraries lasts too long; idle until it is installed."""

    def __init__(self) -> None:
        self._calls: dict[int, tuple[str, float]] = {}
        """By thread: what it does, and since when."""

    def install(self, end: Callable[[str], object]) -> None:
        """Watch from now on.

        Args:
            end: ends this process at once, for a reason that is handed to it.
        """
        limit_s = settings.stall_s()

        def watch() -> None:
            while True:
                time.sleep(min(_POLL_S, limit_s / 4))
                for doing, since in list(self._calls.values()):
                    if time.monotonic() - since > limit_s:
                        end(f"{doing}: did not move for {limit_s:g} s, and was stopped; it is tried again")

        threading.Thread(target=watch, daemon=True).start()

    @contextmanager
    def over(self, what: str) -> Iterator[None]:
        """Watch a block that should take no time."""
        self._calls[threading.get_ident()] = (what, time.monotonic())
        try:
            yield
        finally:
            self._calls.pop(threading.get_ident(), None)

    def each(self, items: Iterable[Item], what: str) -> Iterator[Item]:
        """Yield the items; the way to each of them is watched, what is done with it is not."""
        iterator = iter(items)
        while True:
            with self.over(what):
                item = next(iterator, None)
            if item is None:
                return
            yield item


hang_watch = HangWatch()
