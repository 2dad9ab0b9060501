"""How much of the time of one worker and of two is spent on encoding, and what the rest of the machine's goes to."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
    beside_s = together["programs_cpu_s"] + together["bench_cpu_s"]
    parts = {
        "their programs around the encoder": together["programs_cpu_s"] - together["encode_cpu_s"],
        "the buckets' emulator and the meter": together["bench_cpu_s"],
        "all else that ran on the machine": together["busy_cpu_s"] - beside_s,
        "cores that the hypervisor gave to others": together["stolen_s"],
        "cores that had nothing to do": cores * together["wall_s"] - together["busy_cpu_s"] - together["stolen_s"],
    }
    had_s = cores * together["wall_s"] - together["stolen_s"] - together["bench_cpu_s"]
    return Findings(
        film=f"{film.name}, {len(chunks)} chunks of {CHUNK_S} s, one thread each",
        figures=(
            Figure(name="one worker", value=alone["efficiency"] * 100, unit="%"),
            Figure(name="two workers", value=together["efficiency"] * 100, unit="%", must=">=", mark=95),
            Figure(
                name="two workers, of what hypervisor, emulator and meter left them",
                value=together["encode_cpu_s"] / had_s * 100,
                unit="%",
            ),
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
    begun, before = time.monotonic(), _Clocks.of(job)
    with ThreadPoolExecutor(workers) as pool:
        costs = list(pool.map(partial(job.run, Verb.ENCODE, MAPREEL_THREADS="1"), chunks))
    wall_s, after = time.monotonic() - begun, _Clocks.of(job)
    timings = [job.manifest(chunk).timing for chunk in chunks]
    encode_cpu_s = sum(timing.cpu_s for timing in timings)
    around_s = sum(cost.wall_s - timing.wall_s for cost, timing in zip(costs, timings, strict=True))
    return {
        "workers": workers,
        "chunks": len(chunks),
        "wall_s": round(wall_s, 3),
        "encode_cpu_s": round(encode_cpu_s, 3),
        "programs_cpu_s": round(sum(cost.cpu_s for cost in costs), 3),
        "bench_cpu_s": round(after.bench_s - before.bench_s, 3),
        "busy_cpu_s": round(after.busy_s - before.busy_s, 3),
        "stolen_s": round(after.stolen_s - before.stolen_s, 3),
        "around_s": round(around_s / len(chunks), 3),
        "efficiency": round(encode_cpu_s / (workers * wall_s), 4),
    }


@dataclass(frozen=True)
class _Clocks:
    """Seconds of all cores since the machine started: what runs on them, and what a virtual machine does not get."""

    busy_s: float
    stolen_s: float
    bench_s: float
    """Of the emulator and of this process, which measures."""

    @classmethod
    def of(cls, job: MeasuredJob) -> _Clocks:
        times = psutil.cpu_times()
        stolen_s = getattr(times, "steal", 0.0)
        idle_s = times.idle + getattr(times, "iowait", 0.0)
        # A guest's time is in the user's, too.
        guests_s = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        ours = (job.emulator.cpu_times(), psutil.Process().cpu_times())
        return cls(
            busy_s=sum(times) - guests_s - idle_s - stolen_s,
            stolen_s=stolen_s,
            bench_s=sum(each.user + each.system for each in ours),
        )
