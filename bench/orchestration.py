"""What Airflow adds to a chunk: runs of ``encode_video`` on the embedded stack, with a worker that does nothing."""

from __future__ import annotations

import os
import re
import stat
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from tests.integration.conftest import WORKER, Mapreel, running_mapreel

from bench.record import Figure, Findings
from bench.stage import Stage
from encoding_contract.model import Document
from local_stack.environment import INPUT_BUCKET
from local_stack.keys import load_keys
from local_stack.settings import StackSettings
from local_stack.stack import Stack
from local_stack.sweep import marked_processes

CHUNKS = tuple(int(number) for number in os.environ.get("MAPREEL_BENCH_CHUNKS", "10 100 1000").split())


FILMS, FILM_CHUNKS = 1750, 60


class Spent(Document):
    """CPU seconds so far."""

    stack_s: float
    """Of all processes of the stack, and of all their children that have ended."""
    worker_s: float
    """Of the paper workers, which are among those children."""


def measure(stage: Stage) -> Findings:
    """Run films of more and more chunks, one after the other; an idle minute first, to be taken off."""
    times, program = stage.folder / "times", stage.folder / "timed"
    # The shell's `times` is the only one that knows what exactly the worker took.
    program.write_text(f'#!/bin/sh\n"{sys.executable}" "{WORKER}" "$@"; s=$?; times >> "{times}"; exit $s\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    times.touch()
    rows: list[dict[str, Any]] = []
    with running_mapreel(
        stage.folder,
        MAPREEL_PROGRAM=str(program),
        MAPREEL_PARALLELISM="constant: 8",
        MAPREEL_NOTIFY="",
        MAPREEL_DEADLINE_H="24",
    ) as mapreel:
        _run(mapreel, "warm.mkv", 2)
        before, begun = _spent(mapreel, times), time.monotonic()
        time.sleep(60)
        idle = (_spent(mapreel, times).stack_s - before.stack_s) / (time.monotonic() - begun)
        for chunks in CHUNKS:
            before, begun = _spent(mapreel, times), time.monotonic()
            _run(mapreel, f"film-{chunks}.mkv", chunks)
            after, wall_s = _spent(mapreel, times), time.monotonic() - begun
            worker_s = after.worker_s - before.worker_s
            cpu_s = after.stack_s - before.stack_s - worker_s - idle * wall_s
            rows.append(
                {
                    "database": "sqlite",
                    "chunks": chunks,
                    "cpu_s_per_chunk": round(cpu_s / chunks, 4),
                    "wall_s_per_chunk": round(wall_s / chunks, 4),
                    "worker_cpu_s_per_chunk": round(worker_s / chunks, 4),
                }
            )
    # A film's own tasks, whatever its chunks: what is left when the slope is taken off.
    first, last = rows[0], rows[-1]
    totals = [row["cpu_s_per_chunk"] * row["chunks"] for row in (first, last)]
    slope = (totals[1] - totals[0]) / (last["chunks"] - first["chunks"])
    film_s = totals[0] - slope * first["chunks"]
    backlog_h = FILMS * (film_s + slope * FILM_CHUNKS) / 3600
    return Findings(
        film=f"paper, {', '.join(str(chunks) for chunks in CHUNKS)} chunks",
        figures=(
            Figure(
                name="Airflow's CPU for one more chunk, local runtime, SQLite",
                value=slope,
                unit="s",
                must="<=",
                mark=0.4,
            ),
            Figure(name="Airflow's CPU for a film's other tasks", value=film_s, unit="s"),
            Figure(
                name=f"{FILMS:,} films of {FILM_CHUNKS} chunks, Airflow's CPU alone, computed",
                value=backlog_h,
                unit="h",
            ),
            Figure(name="the idle stack", value=idle * 60, unit="CPU s a minute"),
            Figure(name="wall time of a chunk in the longest run", value=last["wall_s_per_chunk"], unit="s"),
        ),
        rows=tuple(rows),
    )


def _run(mapreel: Mapreel, film: str, chunks: int) -> None:
    mapreel.upload(film, chunks=chunks)
    run = mapreel.start("encode_video", source=f"gs://{INPUT_BUCKET}/{film}")
    while (state := mapreel.state("encode_video", run)) not in ("success", "failed"):
        time.sleep(1)
    if state != "success":
        raise RuntimeError(f"{run} of {film}: ended as {state}; see the logs below {mapreel.home}")


def _spent(mapreel: Mapreel, times: Path) -> Spent:
    stack_id = load_keys(Stack(StackSettings(home=mapreel.home)).home).stack_id
    total = 0.0
    for process in marked_processes(stack_id):
        try:
            own = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += own.user + own.system + own.children_user + own.children_system
    spent = re.findall(r"(\d+)m([\d.]+)s", times.read_text())
    return Spent(stack_s=total, worker_s=sum(int(minutes) * 60 + float(seconds) for minutes, seconds in spent))
