"""The embedded stack with a worker that does nothing, and the CPU seconds that its processes have taken so far."""

from __future__ import annotations

import math
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from tests.integration.conftest import WORKER, Mapreel, running_mapreel

from bench.meter import measure_program
from bench.record import Figure
from encoding_contract.model import Document
from local_stack.keys import load_keys
from local_stack.programs import API_SERVER, DAG_PROCESSOR, SCHEDULER, TRIGGERER
from local_stack.settings import StackSettings
from local_stack.stack import Stack
from local_stack.sweep import marked_processes

DATABASE_VARIABLE = "MAPREEL_BENCH_DATABASE"
"""Names an empty PostgreSQL database, as ``postgresql://user:password@host/name``."""

TASKS = "the tasks' processes"
PARTS = {
    TASKS: ("airflow worker", "airflow supervisor"),
    "the scheduler": (SCHEDULER,),
    "the API server": (API_SERVER, "api_server"),
    "the triggerer": (TRIGGERER,),
    "the DAG processor": (DAG_PROCESSOR,),
}
"""Words by which a process is known as one of a part; a worker of the executor is a child of the scheduler's."""
_OTHER_PARTS = "the emulator and all else"


class Spent(Document):
    """CPU and wall seconds so far, or between two looks."""

    parts: dict[str, float]
    """By part of the stack, of its processes and of all their children that have ended, but for the paper workers."""
    worker_s: float
    at_s: float

    @property
    def stack_s(self) -> float:
        """Of the whole stack."""
        return sum(self.parts.values())

    def since(self, before: Spent) -> Spent:
        """Return what was spent between two looks."""
        return Spent(
            parts={part: spent_s - before.parts[part] for part, spent_s in self.parts.items()},
            worker_s=self.worker_s - before.worker_s,
            at_s=self.at_s - before.at_s,
        )

    def beyond(self, idle: Spent) -> Spent:
        """Return what is left when an idle stack's share is taken off, with the same wall time."""
        share = self.at_s / idle.at_s
        parts = {part: spent_s - share * idle.parts[part] for part, spent_s in self.parts.items()}
        return Spent(parts=parts, worker_s=self.worker_s, at_s=self.at_s)


class StackMeter:
    """Reads what a running stack has spent.

    Args:
        home: the stack's.
        times: where local workers note what they took; ``None`` where none run beside the stack.
    """

    def __init__(self, home: Path, times: Path | None = None) -> None:
        self.home = home
        self._times = times
        self._stack_id = load_keys(Stack(StackSettings(home=home)).home).stack_id

    def spent(self) -> Spent:
        """Return what was spent since the stack's start."""
        parts = dict.fromkeys([*PARTS, _OTHER_PARTS], 0.0)
        for process in marked_processes(self._stack_id):
            try:
                own = process.cpu_times()
                part = part_of(process)
            except psutil.NoSuchProcess:
                continue
            parts[part] += own.user + own.system + own.children_user + own.children_system
        found = re.findall(r"(\d+)m([\d.]+)s", self._times.read_text()) if self._times else []
        worker_s = sum(int(minutes) * 60 + float(seconds) for minutes, seconds in found)
        # A paper worker that has ended is in what its task's process says of its children.
        parts[TASKS] -= worker_s
        return Spent(parts=parts, worker_s=worker_s, at_s=time.monotonic())

    def programs(self) -> dict[str, psutil.Process]:
        """Return Airflow's programs, by part of the stack; what they start are their children."""
        found: dict[str, psutil.Process] = {}
        for process in marked_processes(self._stack_id):
            with suppress(psutil.NoSuchProcess):
                found.setdefault(part_of(process), process)
        return {part: process for part, process in found.items() if part not in (TASKS, _OTHER_PARTS)}

    def idle(self, seconds: float = 60) -> Spent:
        """Wait, and return what a stack takes that has nothing to do."""
        before = self.spent()
        time.sleep(seconds)
        return self.spent().since(before)


def cost_row(spent: Spent, idle: Spent, chunks: int) -> dict[str, Any]:
    """Return what each chunk of a film took beyond what the stack takes anyway."""
    beyond = spent.beyond(idle)
    return {
        "chunks": chunks,
        "cpu_s_per_chunk": round(beyond.stack_s / chunks, 4),
        "wall_s_per_chunk": round(spent.at_s / chunks, 4),
        "worker_cpu_s_per_chunk": round(spent.worker_s / chunks, 4),
        "idle_cpu_s_per_s": round(idle.stack_s / idle.at_s, 4),
        "parts": {part: round(spent_s / chunks, 4) for part, spent_s in beyond.parts.items()},
    }


def cost_figures(rows: list[dict[str, Any]], where: str, mark_s: float) -> list[Figure]:
    """Return what a chunk costs, what that is made of, and whether it stays the same as films grow.

    Args:
        rows: those of ``cost_row``, of films of two or more lengths, the shortest first.
        where: on what they were measured, as it stands in the figures' names.
        mark_s: the most CPU seconds that one more chunk may cost.
    """
    first, last = rows[0], rows[-1]
    chunk_s, others_s = split_costs(first, last)
    parts = last["parts"].items()
    figures = [
        Figure(name=f"Airflow's CPU for one more chunk, {where}", value=chunk_s, unit="s", must="<=", mark=mark_s),
        Figure(name=f"for a film's other tasks, {where}", value=others_s, unit="s"),
        Figure(name=f"the idle stack, {where}", value=first["idle_cpu_s_per_s"] * 60, unit="CPU s a minute"),
        *(
            Figure(name=f"of a chunk of {last['chunks']:,}, {where}: {part}", value=cpu_s, unit="s")
            for part, cpu_s in parts
        ),
        Figure(name=f"wall time of a chunk, {where}", value=last["wall_s_per_chunk"], unit="s"),
    ]
    shares = [row["cpu_s_per_chunk"] for row in rows]
    more = [split_costs(shorter, longer)[0] for shorter, longer in pairwise(rows)]
    for what, costs in (
        ("a chunk with its share of its film, where it costs most against least", shares),
        ("one more chunk of a film, where it is dearest against where it is cheapest", more),
    ):
        if len(costs) > 1:
            figures.append(
                Figure(name=f"{what}, {where}", value=max(costs) / min(costs), unit="x", must="<=", mark=1.2)
            )
    return figures


def yardstick() -> Figure:
    """Return what a known piece of work takes here, to hold CPU seconds of two machines against each other."""
    script = "import airflow.sdk.execution_time.task_runner"
    cpu_s = min(measure_program([sys.executable, "-c", script]).cpu_s for _ in range(5))
    return Figure(name=f"for comparison: a Python that does `{script}`", value=cpu_s, unit="s")


def part_of(process: psutil.Process) -> str:
    """Return the part that a process, or the nearest of its ancestors that is known, belongs to."""
    for known in (process, *process.parents()):
        line = " ".join(known.cmdline())
        for part, words in PARTS.items():
            if any(word in line for word in words):
                return part
    return _OTHER_PARTS


class PaperStack(StackMeter):
    """A running stack whose encoders are made of paper."""

    def __init__(self, mapreel: Mapreel, times: Path) -> None:
        super().__init__(mapreel.home, times)
        self.mapreel = mapreel

    def start(self, film: str, chunks: int) -> str:
        """Start a film's run, and return its id."""
        return self.mapreel.start("encode_video", source=self.mapreel.upload(film, chunks=chunks))

    def encode(self, film: str, chunks: int) -> None:
        """Encode a film.

        Raises:
            RuntimeError: its run has failed.
        """
        run = self.start(film, chunks)
        state = await_run_end(lambda: self.mapreel.state("encode_video", run))
        if state != "success":
            raise RuntimeError(f"{run} of {film}: ended as {state}; see the logs below {self.mapreel.home}")


def await_run_end(look: Callable[[], str], timeout_s: float = math.inf) -> str:
    """Look at a run's state until it has ended, or until the time is over, and return it.

    To tell a state the API server reads all task instances of the run, and that would be counted with what is
    measured: so the looks get rarer.
    """
    begun = time.monotonic()
    while (state := look()) not in ("success", "failed") and time.monotonic() - begun < timeout_s:
        time.sleep(max(1.0, (time.monotonic() - begun) / 20))
    return state


def split_costs(first: dict[str, Any], last: dict[str, Any]) -> tuple[float, float]:
    """Return the CPU seconds of one more chunk, and those of a film's other tasks, out of films of two lengths.

    Args:
        first: the row of the shorter film, with its ``chunks`` and ``cpu_s_per_chunk``.
        last: the row of the longer one.
    """
    short_s, long_s = (row["cpu_s_per_chunk"] * row["chunks"] for row in (first, last))
    chunk_s = (long_s - short_s) / (last["chunks"] - first["chunks"])
    return chunk_s, short_s - chunk_s * first["chunks"]


@contextmanager
def paper_stack(folder: Path, **settings: str) -> Iterator[PaperStack]:
    """Start a stack in a folder, let it encode a first film, and stop it."""
    folder.mkdir(parents=True, exist_ok=True)
    times, program = folder / "times", folder / "timed"
    # The shell's `times` is the only one that knows what exactly the worker took.
    program.write_text(f'#!/bin/sh\n"{sys.executable}" "{WORKER}" "$@"; s=$?; times >> "{times}"; exit $s\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    times.touch()
    quiet = {"MAPREEL_NOTIFY": "", "MAPREEL_DEADLINE_H": "24"}
    with running_mapreel(folder, **{"MAPREEL_PROGRAM": str(program), **quiet, **settings}) as mapreel:
        stack = PaperStack(mapreel, times)
        stack.encode("warm.mkv", 2)
        yield stack


def databases() -> dict[str, dict[str, str]]:
    """Return the settings of each kind of database that can be had: SQLite, and PostgreSQL where one is named."""
    url = os.environ.get(DATABASE_VARIABLE)
    return {"SQLite": {}} | ({"PostgreSQL": {"MAPREEL_DATABASE_URL": url}} if url else {})
