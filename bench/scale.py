"""How much of many workers' time is spent on encoding: measured times, replayed for up to 2,000 workers.

A chunk waits for the orchestrator, which starts so many tasks a second, then for a free worker; there its pod starts,
and encodes as long as the measured chunk did. Split comes before a film's chunks and merge after them, on workers of
their own, where its sound is encoded, too. What it leaves out: slower nodes, retries, a bucket or a network that gives
out, an image that has still to be pulled. Split and merge are taken to grow with the film from their first second,
which makes them a little too long.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice, product
from typing import Any

from bench.record import Figure, Findings, Record, load_record
from bench.stage import Stage

POD_START_S = 3.0
TASKS_PER_S = 1.0
WORKERS = (8, 64, 512, 2000)
MARKED_WORKERS = 64
FILM_CHUNKS = 60
"""A film of two hours at 120 s."""
FILMS = (1, 10, 1750)


@dataclass(frozen=True)
class Overheads:
    """Seconds around the encoding; by themselves, none."""

    start_s: float = 0.0
    """Of a chunk around its encoder: pod, program, piece, result."""
    split_s: float = 0.0
    merge_s: float = 0.0
    dispatch_s: float = 0.0
    """Between two tasks that the orchestrator starts, over all films."""


def simulate(chunks_s: list[float], films: int, workers: int, overheads: Overheads) -> tuple[float, float]:
    """Return the part of the workers' time that encodes, from the first split to the last merge, and that time in s."""
    free = [0.0] * workers
    heapq.heapify(free)
    dispatched = ended = 0.0
    for _ in range(films):
        # Splits of later films run while the chunks of earlier ones are encoded, so only the first one is waited for.
        last = 0.0
        for encode_s in chunks_s:
            dispatched = max(dispatched, overheads.split_s) + overheads.dispatch_s
            begun = max(dispatched, heapq.heappop(free))
            done = begun + overheads.start_s + encode_s
            heapq.heappush(free, done)
            last = max(last, done)
        ended = max(ended, last + overheads.merge_s)
    return films * sum(chunks_s) / (workers * ended), ended


def measure(stage: Stage) -> Findings:
    """Replay the chunks of whole_path's record with the overheads of parallel's.

    Raises:
        SystemExit: one of the records that it goes by is missing.
    """
    chunks_s, overheads = _measured(_record("whole_path"), _record("parallel"))
    dispatch_s = _record("orchestration").findings.rows[-1]["wall_s_per_chunk"]
    rows: list[dict[str, Any]] = []
    for films, workers in product(FILMS, WORKERS):
        efficiency, wall_s = simulate(chunks_s, films, workers, overheads)
        rows.append(
            {
                "films": films,
                "workers": workers,
                "efficiency": round(efficiency, 4),
                "hours": round(wall_s / 3600, 3),
            }
        )
    mean_s = sum(chunks_s) / len(chunks_s)
    return Findings(
        film=f"{FILM_CHUNKS} chunks a film, replayed from whole_path's {len(set(chunks_s))}",
        figures=(
            *(
                Figure(
                    name=f"{row['workers']:,} workers, {_films(row['films'])} of two hours",
                    value=100 * row["efficiency"],
                    unit="%",
                    **({"must": ">=", "mark": 90} if row["workers"] == MARKED_WORKERS else {}),
                )
                for row in rows
            ),
            *(
                Figure(
                    name=f"{MARKED_WORKERS} workers, {_films(films)}, {what}",
                    value=100 * simulate(parts_s, films, MARKED_WORKERS, around)[0],
                    unit="%",
                )
                for films, what, parts_s, around in _other_ways(chunks_s, overheads)
            ),
        ),
        rows=tuple(rows),
        notes=(
            f"assumed: a pod starts in {POD_START_S} s, the scheduler starts {TASKS_PER_S} tasks a second; "
            f"`orchestration`, whose tasks run on the scheduler's own two cores, shows one in {dispatch_s:.2g} s",
            f"of a film: split {overheads.split_s:.0f} s, merge {overheads.merge_s:.0f} s, chunks {mean_s:.0f} s on "
            f"average and {max(chunks_s):.0f} s at most, each with {overheads.start_s:.1f} s around it",
            "one film has 60 chunks for 64 workers: each worker gets one or none, and the longest one decides",
        ),
    )


def _other_ways(chunks_s: list[float], overheads: Overheads) -> Iterator[tuple[int, str, list[float], Overheads]]:
    """Yield what would be different: films, how, the chunks' seconds, and what comes around them."""
    pairs_s = [one + other for one, other in zip(chunks_s[::2], chunks_s[1::2], strict=True)]
    mean_s = [sum(chunks_s) / len(chunks_s)] * len(chunks_s)
    ends = Overheads(split_s=overheads.split_s, merge_s=overheads.merge_s)
    yield 1750, "two chunks a pod, one after the other", pairs_s, overheads
    yield 10, "the longest chunks first", sorted(chunks_s, reverse=True), overheads
    yield 10, "if nothing but chunks took time", chunks_s, Overheads()
    yield 1, "in chunks of 30 s", [encode_s / 4 for encode_s in chunks_s for _ in range(4)], overheads
    yield 1, "if nothing but chunks took time", chunks_s, Overheads()
    yield 1, "if besides all chunks took equally long", mean_s, Overheads()
    yield 1, "if they did, and split and merge took the time that they take", mean_s, ends


def _films(number: int) -> str:
    return f"{number:,} film{'s' if number > 1 else ''}"


def _record(name: str) -> Record:
    record = load_record(name)
    if record is None:
        raise SystemExit(f"bench scale: needs what {name} measures; run it first: make bench ONLY={name}")
    return record


def _measured(path: Record, parallel: Record) -> tuple[list[float], Overheads]:
    """Return the chunks' seconds of a film of two hours, and what comes around them."""
    steps = [row for row in path.findings.rows if "verb" in row]
    encodes_s = [row["ffmpeg_wall_s"] for row in steps if row["verb"] == "encode"]
    longer = FILM_CHUNKS / len(encodes_s)
    split_s, merge_s = (
        longer * next(row["wall_s"] for row in steps if row["verb"] == verb) for verb in ("split", "merge")
    )
    around_s = parallel.findings.rows[-1]["around_s"]
    overheads = Overheads(POD_START_S + around_s, split_s, merge_s, 1 / TASKS_PER_S)
    return list(islice(cycle(encodes_s), FILM_CHUNKS)), overheads
