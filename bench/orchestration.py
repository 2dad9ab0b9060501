"""What Airflow adds to a chunk: runs of ``encode_video`` on the embedded stack, with a worker that does nothing."""

from __future__ import annotations

import os
from typing import Any

from bench.airflow_costs import DATABASE_VARIABLE, cost_figures, cost_row, databases, paper_stack, yardstick
from bench.record import Figure, Findings
from bench.stage import Stage

CHUNKS = tuple(int(number) for number in os.environ.get("MAPREEL_BENCH_CHUNKS", "10 100 1000").split())

_PROFILE_NOTE = (
    "what each part does, and which of it grows with a film's chunks: \"Where Airflow's time goes\"; in each of its "
    "rounds the scheduler reads all task instances of a run"
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
            _PROFILE_NOTE,
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
