"""The executor's workers: one that is killed while it waits for work takes the lock of the queue with it.

Airflow's LocalExecutor replaces a dead worker, but the new one waits for the same lock, and nothing is started any
more. Only a new scheduler has a new queue. A worker that is killed at work does not hold the lock; but what it did
between two looks nobody knows, and a new scheduler costs a few seconds, as encodes that run go on.
"""

from __future__ import annotations

import psutil

_WORKER = "LocalExecutor: "
_IDLE = _WORKER + "<idle>"
"""How Airflow names a worker, and one that has nothing to do."""


def is_idle_worker(process: psutil.Process) -> bool:
    """Return whether a process is a worker that waits for work.

    Raises:
        psutil.Error: it is gone, or may not be asked.
    """
    return _IDLE in " ".join(process.cmdline())


class ExecutorWorkers:
    """Remembers the workers that a scheduler had at the last look."""

    def __init__(self) -> None:
        self._scheduler = 0
        self._workers: set[psutil.Process] = set()

    def lost(self, scheduler: int) -> int:
        """Return how many workers are dead since the last look, while their scheduler lives on."""
        before = self._workers if scheduler == self._scheduler else set()
        self._scheduler, self._workers = scheduler, _workers(scheduler)
        return len(before - self._workers)


def _workers(scheduler: int) -> set[psutil.Process]:
    try:
        return {child for child in psutil.Process(scheduler).children() if _is_worker(child)}
    except psutil.NoSuchProcess:
        return set()


def _is_worker(process: psutil.Process) -> bool:
    try:
        return _WORKER in " ".join(process.cmdline())
    except psutil.Error:
        # Dead, and perhaps not yet looked after by its parent.
        return False
