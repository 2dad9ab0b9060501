"""Kills processes of a stack with -9 at random moments, and keeps count."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import psutil

KINDS: dict[str, Callable[[str], bool]] = {
    "ffmpeg": lambda line: "ffmpeg" in line.split(" ")[0],
    "worker": lambda line: "/mapreel " in line and "--job" in line,
    "idle executor worker": lambda line: "LocalExecutor: <idle>" in line,
    "busy executor worker": lambda line: "LocalExecutor: " in line,
    "task": lambda line: line.startswith("airflow worker -- "),
    "supervisord": lambda line: "/supervisord " in line,
    "watcher": lambda line: "local_stack.heartbeats" in line,
    "emulator": lambda line: "fake-gcs-server" in line,
    "api server": lambda line: "api-server" in line or "api_server" in line,
    "scheduler": lambda line: "airflow scheduler" in line,
    "triggerer": lambda line: "airflow triggerer" in line,
    "dag processor": lambda line: "dag-processor" in line,
}
"""What a process is by its command line; the first that fits."""
EVERYTHING = "everything"
_ALL_AT_ONCE = 0.1
"""How often everything is killed at once: the power is cut."""
_PATIENCE_S = 120
"""How long it waits for the first of those that live for a moment only."""


def kind_of(process: psutil.Process) -> str:
    """Return what a process is."""
    line = " ".join(process.cmdline())
    return next((kind for kind, fits in KINDS.items() if fits(line)), "other")


class Killer:
    """Kills now and then, from a thread of its own, until it has killed so often.

    Args:
        processes: returns the stack's processes.
        chance: says whom, and when.
        window_s: within how many seconds.
        toll: counts the kills by kind.
        only: the kinds that it waits for, as they live for a moment only; else it takes who lives.
    """

    def __init__(
        self,
        processes: Callable[[], list[psutil.Process]],
        chance: random.Random,
        window_s: float,
        toll: Counter[str],
        only: tuple[str, ...] = (),
    ) -> None:
        self._processes, self._chance, self._toll, self._only = processes, chance, toll, only
        self._moments = sorted(chance.uniform(0, window_s) for _ in range(chance.randint(1, 3)))
        self.done: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether it will kill no more."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        began = time.monotonic()
        for moment in self._moments:
            time.sleep(max(0.0, began + moment - time.monotonic()))
            living = self._living()
            while self._only and not living and time.monotonic() < began + _PATIENCE_S:
                time.sleep(0.05)
                living = self._living()
            kind, victims = self._choose(living)
            self.done.append(f"{kind} at {time.monotonic() - began:.0f} s")
            self._toll[kind] += len(victims)
            for victim in victims:
                with suppress(psutil.NoSuchProcess):
                    victim.send_signal(signal.SIGKILL)

    def _living(self) -> dict[str, list[psutil.Process]]:
        living: dict[str, list[psutil.Process]] = {}
        for process in self._processes():
            with suppress(psutil.Error):
                kind = kind_of(process)
                if not self._only or kind in self._only:
                    living.setdefault(kind, []).append(process)
        return living

    def _choose(self, living: dict[str, list[psutil.Process]]) -> tuple[str, list[psutil.Process]]:
        """Return a kind, each that lives now being as likely as any other, and one of that kind; or everything."""
        if not living:
            return "nobody, as nobody lived", []
        if not self._only and self._chance.random() < _ALL_AT_ONCE:
            return EVERYTHING, [process for kind in living.values() for process in kind]
        kind = self._chance.choice(sorted(living))
        return kind, [self._chance.choice(living[kind])]
