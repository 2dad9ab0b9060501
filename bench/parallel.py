"""How much of the time of one worker and of two is spent on encoding, and what the rest of the machine's goes to."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psutil

from bench.record import Figure, Findings
from bench.stage import MeasuredJob, Stage
from encoding_contract.command import Verb

CHUNK_S = 120
CHUNKS = 10
"""So many that it weighs little that the worker which ends first has nothing to do until the other one ends."""
WORKERS = 2


def measure(stage: Stage) -> Findings:
    """Encode a chunk of the real film by one worker, then all of its chunks by two."""
    film = stage.films.real(CHUNKS * CHUNK_S)
    job = stage.freeze(film, chunk_s=CHUNK_S)
    job.run(Verb.SPLIT)
    chunks = [chunk.index for chunk in job.plan().chunks]
    alone = _encode(job, chunks[:1], workers=1)
    together = _encode(job, chunks, workers=WORKERS)
    cores = len(os.sched_getaffinity(0))
    parts = {
        "their programs around the encoder": together["programs_cpu_s"] - together["encode_cpu_s"],
        "all else on the machine: the bucket's emulator, the meter, the kernel": together["busy_cpu_s"]
        - together["programs_cpu_s"],
        "cores that had nothing to do": cores * together["wall_s"] - together["busy_cpu_s"],
    }
    return Findings(
        film=f"{film.name}, {len(chunks)} chunks of {CHUNK_S} s, one thread each",
        figures=(
            Figure(name="one worker", value=alone["efficiency"] * 100, unit="%"),
            Figure(name="two workers", value=together["efficiency"] * 100, unit="%", must=">=", mark=95),
            *(
                Figure(
                    name=f"beside two workers' encoding: {name}",
                    value=seconds / (cores * together["wall_s"]) * 100,
                    unit=f"% of {cores} cores",
                )
                for name, seconds in parts.items()
            ),
            Figure(name="of a chunk around its encoder, on average", value=together["around_s"], unit="s"),
        ),
        rows=(alone, together),
        notes=("the encoder of one thread takes more than one core: what reads and decodes has threads of its own",),
    )


def _encode(job: MeasuredJob, chunks: list[int], workers: int) -> dict[str, Any]:
    for chunk in chunks:
        job.forget_chunk(chunk)
    begun, busy = time.monotonic(), _busy_cpu_s()
    with ThreadPoolExecutor(workers) as pool:
        costs = list(pool.map(partial(job.run, Verb.ENCODE, MAPREEL_THREADS="1"), chunks))
    wall_s, busy_cpu_s = time.monotonic() - begun, _busy_cpu_s() - busy
    timings = [job.manifest(chunk).timing for chunk in chunks]
    encode_cpu_s = sum(timing.cpu_s for timing in timings)
    around_s = sum(cost.wall_s - timing.wall_s for cost, timing in zip(costs, timings, strict=True))
    return {
        "workers": workers,
        "chunks": len(chunks),
        "wall_s": round(wall_s, 3),
        "encode_cpu_s": round(encode_cpu_s, 3),
        "programs_cpu_s": round(sum(cost.cpu_s for cost in costs), 3),
        "busy_cpu_s": round(busy_cpu_s, 3),
        "around_s": round(around_s / len(chunks), 3),
        "efficiency": round(encode_cpu_s / (workers * wall_s), 4),
    }


def _busy_cpu_s() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0) - getattr(times, "guest", 0)
