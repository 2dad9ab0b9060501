"""Measures a program with all its children: seconds, CPU seconds, and the most memory and scratch that it held."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_SAMPLE_S, _LONG_SAMPLE_S = 0.05, 1.0
"""Between two looks at a program that has just begun, and at one that takes minutes: a look costs 4 ms of a core."""


@dataclass(frozen=True)
class Cost:
    """What a program took."""

    wall_s: float
    cpu_s: float
    memory_bytes: int
    """The most that program and children held at one moment; what they share counts once (PSS)."""
    scratch_bytes: int
    """The most that lay in the scratch folder at one moment."""
    emulator_cpu_s: float = 0.0
    """What the buckets' emulator took meanwhile; it is no part of ``cpu_s``."""


def measure_program(
    argv: Sequence[str], environment: Mapping[str, str] | None = None, scratch: Path | None = None
) -> Cost:
    """Run a program to its end, its output thrown away.

    Raises:
        RuntimeError: it failed; carries the end of what it said.
    """
    started = time.monotonic()
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    said: list[bytes] = []
    reader = threading.Thread(target=lambda: said.extend(process.stdout or ()), daemon=True)
    reader.start()
    watched = psutil.Process(process.pid)
    memory = held = 0
    while True:
        # wait4 tells the CPU time of exactly this program and of all its children that ended.
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        memory = max(memory, _held_bytes(watched))
        held = max(held, folder_bytes(scratch)) if scratch else 0
        time.sleep(min(_LONG_SAMPLE_S, max(_SAMPLE_S, (time.monotonic() - started) / 100)))
    wall_s = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    process.stdout.close()
    if process.returncode != 0:
        tail = b"".join(said[-8:]).decode(errors="replace")
        raise RuntimeError(f"{' '.join(argv)}: ended with {process.returncode}: {tail}")
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, memory, held)


def _held_bytes(process: psutil.Process) -> int:
    total = 0
    with suppress(psutil.Error):
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                total += each.memory_full_info().pss
    return total


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder, as it is at this moment."""
    total = 0
    # Unlike Path.rglob, os.walk goes on where a folder vanishes while it looks.
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.path.getsize(os.path.join(root, name))
    return total
