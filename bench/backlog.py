"""A backlog through the real scheduler: films wait in the bucket, scans start their runs, and no work takes time.

On two cores the whole backlog takes a working day, so a part of it is measured and the rest computed; that is fair only
where a chunk costs no more at the end of the part than at its beginning, which is measured, too.
"""

from __future__ import annotations

import os
import time
from typing import Any

from bench.airflow_costs import PaperStack, databases, paper_stack
from bench.record import Figure, Findings
from bench.stage import Stage

FILMS, FILM_CHUNKS = 1750, 60
WINDOWS = 5
WINDOW_S = 60 * int(os.environ.get("MAPREEL_BENCH_WINDOW_MINUTES", "6"))
TASKS = "24"


def measure(stage: Stage) -> Findings:
    """Put the whole backlog into the bucket, and look again and again at what a chunk has cost since the last look."""
    database, settings = list(databases().items())[-1]
    if settings:
        settings = settings | {"MAPREEL_CONCURRENT_TASKS": TASKS}
    rows: list[dict[str, Any]] = []
    with paper_stack(
        stage.folder / database, MAPREEL_PARALLELISM=f"constant: {TASKS}", MAPREEL_SCAN_LIMIT="1000", **settings
    ) as stack:
        for number in range(FILMS):
            stack.mapreel.upload(f"backlog/{number:04}.mkv", chunks=FILM_CHUNKS)
        stack.mapreel.scan(prefix="backlog/", limit=1000)
        # Until the first films have come as far as their chunks there is nothing to divide by.
        stack.mapreel.await_that(lambda: _encoded(stack) > FILM_CHUNKS, "the first chunks of the backlog")
        for _ in range(WINDOWS):
            before, chunks = stack.spent(), _encoded(stack)
            end = time.monotonic() + WINDOW_S
            while time.monotonic() < end:
                stack.mapreel.scan(prefix="backlog/", limit=1000)
                time.sleep(min(60, max(0, end - time.monotonic())))
            spent, made = stack.spent().since(before), _encoded(stack) - chunks
            if made == 0:
                raise RuntimeError(f"no chunk was made in {WINDOW_S} s; see the logs below {stack.mapreel.home}")
            rows.append(
                {
                    "database": database,
                    "chunks_before": chunks,
                    "chunks": made,
                    "cpu_s_per_chunk": round(spent.stack_s / made, 4),
                    "wall_s_per_chunk": round(spent.at_s / made, 4),
                    "worker_cpu_s_per_chunk": round(spent.worker_s / made, 4),
                }
            )
    first, *_, last = rows
    done = sum(row["chunks"] for row in rows)
    wall_s = WINDOWS * WINDOW_S / done
    return Findings(
        film=f"{FILMS:,} of paper, {FILM_CHUNKS} chunks each, of which {done:,} chunks were made; {database}",
        figures=(
            Figure(
                name="a chunk's CPU at the end against the beginning",
                value=last["cpu_s_per_chunk"] / first["cpu_s_per_chunk"],
                unit="x",
                must="<=",
                mark=1.2,
            ),
            Figure(
                name="Airflow's CPU for a chunk, with its share of all else", value=last["cpu_s_per_chunk"], unit="s"
            ),
            Figure(
                name="the worker's, which does nothing, on the same cores",
                value=last["worker_cpu_s_per_chunk"],
                unit="s",
            ),
            Figure(
                name="the whole backlog on this machine, computed", value=FILMS * FILM_CHUNKS * wall_s / 3600, unit="h"
            ),
        ),
        rows=tuple(rows),
    )


def _encoded(stack: PaperStack) -> int:
    return sum(call.verb == "encode" and call.outcome == "made" for call in stack.mapreel.calls())
