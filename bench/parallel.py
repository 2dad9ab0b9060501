"""How much of many workers is spent on encoding: measured with one and two, simulated with up to 2,000.

The simulation replays measured times. A chunk waits for the orchestrator, which starts so many tasks a second, then
for a free worker; there its pod starts, and encodes as long as the measured chunk did. Split comes before a film's
chunks and merge after them, on workers of their own. What it leaves out: slower nodes, retries, a bucket or a network
that gives out, an image that has still to be pulled.
"""

from __future__ import annotations

import heapq
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice, product
from typing import Any

from bench.record import Figure, Findings, load_record
from bench.stage import Stage
from encoding_contract.command import Verb

CHUNK_S = 60
POD_START_S = 3.0
TASKS_PER_S = 1.0
WORKERS = (8, 64, 512, 2000)
FILM_CHUNKS = 60
"""A film of two hours at 120 s."""
BACKLOG_FILMS = 1750


@dataclass(frozen=True)
class Overheads:
    """Seconds around the encoding."""

    start_s: float
    """From the dispatch of a chunk to its first frame: pod, program, piece."""
    split_s: float
    merge_s: float
    tasks_per_s: float
    """What the orchestrator starts, over all films."""


def simulate(chunks_s: list[float], films: int, workers: int, overheads: Overheads) -> tuple[float, float]:
    """Return the part of the workers' time that encodes, from the first split to the last merge, and that time in s."""
    free = [0.0] * workers
    heapq.heapify(free)
    dispatched = ended = 0.0
    for _ in range(films):
        # Splits of later films run while the chunks of earlier ones are encoded, so only the first one is waited for.
        last = 0.0
        for encode_s in chunks_s:
            dispatched = max(dispatched, overheads.split_s) + 1 / overheads.tasks_per_s
            begun = max(dispatched, heapq.heappop(free))
            done = begun + overheads.start_s + encode_s
            heapq.heappush(free, done)
            last = max(last, done)
        ended = max(ended, last + overheads.merge_s)
    return films * sum(chunks_s) / (workers * ended), ended


def measure(stage: Stage) -> Findings:
    """Encode four chunks of the real film by one worker and by two, and replay measured chunks for more workers."""
    film = stage.films.real(4 * CHUNK_S)
    job = stage.freeze(film, chunk_s=CHUNK_S)
    job.run(Verb.SPLIT)
    chunks = [chunk.index for chunk in job.plan().chunks]
    rows: list[dict[str, Any]] = []
    starts_s: list[float] = []
    for workers in (1, 2):
        taken = [chunks[0]] if workers == 1 else chunks
        for chunk in taken:
            job.forget_chunk(chunk)
        begun = time.monotonic()
        with ThreadPoolExecutor(workers) as pool:
            walls_s = [cost.wall_s for cost in pool.map(partial(job.run, Verb.ENCODE, MAPREEL_THREADS="1"), taken)]
        wall_s = time.monotonic() - begun
        timings = [job.manifest(chunk).timing for chunk in taken]
        starts_s += [whole - timing.wall_s for whole, timing in zip(walls_s, timings, strict=True)]
        efficiency = sum(timing.cpu_s for timing in timings) / (workers * wall_s)
        rows.append({"how": "measured", "films": 1, "workers": workers, "efficiency": round(efficiency, 4)})
    chunks_s, split_s, merge_s = _measured_film()
    overheads = Overheads(POD_START_S + max(starts_s), split_s, merge_s, TASKS_PER_S)
    for films, workers in product((1, 10, BACKLOG_FILMS), WORKERS):
        efficiency, wall_s = simulate(chunks_s, films, workers, overheads)
        rows.append(
            {
                "how": "simulated",
                "films": films,
                "workers": workers,
                "efficiency": round(efficiency, 4),
                "hours": round(wall_s / 3600, 3),
            }
        )
    found = {(row["how"], row["films"], row["workers"]): row["efficiency"] * 100 for row in rows}
    return Findings(
        film=f"{film.name}; {FILM_CHUNKS} chunks replayed from whole_path's {len(set(chunks_s))}",
        figures=(
            Figure(name="one worker", value=found["measured", 1, 1], unit="%"),
            Figure(name="two workers", value=found["measured", 1, 2], unit="%", must=">=", mark=95),
            Figure(name="64 workers, one film of two hours", value=found["simulated", 1, 64], unit="%"),
            Figure(
                name="64 workers, ten films of two hours",
                value=found["simulated", 10, 64],
                unit="%",
                must=">=",
                mark=90,
            ),
            Figure(name="from dispatch to the encoder, program and piece", value=max(starts_s), unit="s"),
        ),
        rows=tuple(rows),
        notes=(
            f"assumed: a pod starts in {POD_START_S} s, the scheduler starts {TASKS_PER_S} tasks a second",
            "one film of 60 chunks cannot keep 64 workers busy: its longest chunk decides, and four of them get none",
        ),
    )


def _measured_film() -> tuple[list[float], float, float]:
    """Return the chunks' seconds of a film of two hours, and those of its split and merge."""
    record = load_record("whole_path")
    if record is None:
        raise SystemExit(
            "bench parallel: needs the chunk times of whole_path; run it first: make bench ONLY=whole_path"
        )
    steps = [row for row in record.findings.rows if "verb" in row]
    encodes_s = [row["ffmpeg_wall_s"] for row in steps if row["verb"] == "encode"]
    longer = FILM_CHUNKS / len(encodes_s)
    split_s, merge_s = (
        longer * next(row["wall_s"] for row in steps if row["verb"] == verb) for verb in ("split", "merge")
    )
    return list(islice(cycle(encodes_s), FILM_CHUNKS)), split_s, merge_s
