"""Finding and ending the processes of a stack that lost their parent, by the mark in their environment."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable

import psutil

from local_stack.environment import STACK_MARK
from local_stack.executor_workers import is_idle_worker

logger = logging.getLogger(__name__)

_PATIENCE_S = 5.0
_SCHEDULER = "scheduler"


def marked_processes(stack_id: str) -> list[psutil.Process]:
    """Return every live process of the stack, but for the caller's own."""
    found = []
    for process in psutil.process_iter():
        try:
            is_ours = process.pid != os.getpid() and process.environ().get(STACK_MARK) == stack_id
            if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            # Gone meanwhile, or another user's: not ours.
            continue
    return found


def end_idle_orphans(stack_id: str) -> int:
    """End workers of a scheduler that was killed, which wait for work that never comes; return how many there were.

    One that is busy is let be: its task reports to the API server by itself, and counts.
    """
    found = [process for process in marked_processes(stack_id) if _is_idle_orphan(process)]
    for process in found:
        _quietly(process.kill)
    return len(found)


def _is_idle_orphan(process: psutil.Process) -> bool:
    try:
        return (
            is_idle_worker(process) and (parent := process.parent()) is not None and _SCHEDULER not in parent.cmdline()
        )
    except psutil.Error:
        return False


def sweep(stack_id: str) -> int:
    """End every process of the stack, by force where it must be; return how many there were."""
    swept: set[psutil.Process] = set()
    # What dies may have started another one in its last moment.
    while processes := marked_processes(stack_id):
        # On a busy machine one that was killed may be met once more.
        swept.update(processes)
        for process in processes:
            _quietly(process.terminate)
        _, alive = psutil.wait_procs(processes, timeout=_PATIENCE_S)
        for process in alive:
            _quietly(process.kill)
        psutil.wait_procs(alive, timeout=_PATIENCE_S)
    if swept:
        logger.info("ended %d processes that were left of stack %s", len(swept), stack_id)
    return len(swept)


def _quietly(end: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        end()
