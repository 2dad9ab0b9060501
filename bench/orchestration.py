"""What Airflow adds to a chunk: runs of ``encode_video`` on the embedded stack, with a worker that does nothing."""

from __future__ import annotations

import os
from typing import Any

from bench.airflow_costs import DATABASE_VARIABLE, cost_figures, cost_row, databases, paper_stack, yardstick
from bench.record import Figure, Findings
from bench.stage import Stage

CHUNKS = tuple(int(number) for number in os.environ.get("MAPREEL_BENCH_CHUNKS", "10 100 1000").split())

_GROWTH_NOTE = (
    "what grows with a film's chunks: in each of its rounds the scheduler reads all task instances of a run "
    "(`DagRun.fetch_task_instances`), which py-spy saw in 15 % of its looks at 100 chunks and in 58 % at 1,000"
)
_TASK_NOTE = (
    "before our code was loaded in the parent (`airflow_local_settings.py`), py-spy saw 33 % of the time of a task's "
    "process in its DAG file, which each task parses anew (17 % in imports, nearly all of our own modules, 7 % for the "
    "trigger form), and 11 % in requests to the API server"
)


def measure(stage: Stage) -> Findings:
    """Run films of more and more chunks, one after the other; an idle minute first, to be taken off."""
    rows: list[dict[str, Any]] = []
    figures: list[Figure] = []
    for database, settings in databases().items():
        found = _measure(stage, database, settings)
        rows += found
        figures += cost_figures(found, database, mark_s=0.4)
    return Findings(
        film=f"paper, {', '.join(str(chunks) for chunks in CHUNKS)} chunks; local runtime",
        figures=(*figures, yardstick()),
        rows=tuple(rows),
        notes=(
            _TASK_NOTE,
            _GROWTH_NOTE,
            "what the PostgreSQL server itself takes is not in it"
            if len(databases()) > 1
            else f"SQLite only: {DATABASE_VARIABLE} named no PostgreSQL database",
        ),
    )


def _measure(stage: Stage, database: str, settings: dict[str, str]) -> list[dict[str, Any]]:
    rows = []
    with paper_stack(stage.folder / database, MAPREEL_PARALLELISM="constant: 8", **settings) as stack:
        idle = stack.idle()
        for chunks in CHUNKS:
            before = stack.spent()
            stack.encode(f"film-{chunks}.mkv", chunks)
            spent = stack.spent().since(before)
            rows.append({"database": database, **cost_row(spent, idle, chunks)})
    return rows
