"""The worker's whole path with two encoders at a time, against one ffmpeg with two threads and the same settings."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.meter import Cost, measure_program
from bench.record import Figure, Findings
from bench.rounds import Rounds
from bench.stage import MeasuredJob, Stage
from encoding_contract.command import Verb
from encoding_worker.ffmpeg import find_ffmpeg

WORKERS = 2
PRESET, CRF = "medium", 23
CHUNK_S = int(os.environ.get("MAPREEL_BENCH_CHUNK_S", "120"))


def measure(
    stage: Stage, seconds: int | None = None, chunk_s: int = CHUNK_S, preset: str = PRESET, rounds: int = 1
) -> Findings:
    """Encode the real film both ways, one after the other."""
    film = stage.films.real(seconds)
    taken = Rounds()
    rows: list[dict[str, Any]] = []
    for number in range(rounds):
        job = stage.freeze(film, chunk_s=chunk_s, video={"preset": preset, "crf": CRF})
        job.forget_results()
        taken.add("plain", measure_program(_plain_command(film, stage.folder / "plain.mkv", preset)))
        path, steps = take_path(job)
        taken.add("chunked", path)
        rows += [{"round": number, **step} for step in steps]
    encoding = [row for row in rows if row["verb"] == "encode"]
    encode_cpu_s = sum(row["cpu_s"] for row in encoding) / rounds
    plan = job.plan()
    return Findings(
        film=f"{film.name}, {plan.duration_us / 1e6:.0f} s, {len(plan.chunks)} chunks of {chunk_s} s, "
        f"libx264 {preset} crf {CRF}",
        figures=(
            Figure(
                name="whole path against plain ffmpeg, wall time",
                value=taken.ratio("chunked", "plain"),
                unit="x",
                must="<=",
                mark=1.0,
            ),
            Figure(name="plain ffmpeg", value=taken.wall_s("plain"), unit="s"),
            Figure(name="whole path", value=taken.wall_s("chunked"), unit="s"),
            Figure(name="plain ffmpeg, CPU", value=taken.cpu_s("plain"), unit="s"),
            Figure(name="whole path, CPU", value=taken.cpu_s("chunked"), unit="s"),
            Figure(
                name=f"CPU of encoding in all that {WORKERS} workers had, whole path",
                value=encode_cpu_s / WORKERS / taken.wall_s("chunked") * 100,
                unit="%",
            ),
        ),
        rows=(*taken.rows, *rows),
    )


def _plain_command(film: Path, output: Path, preset: str) -> list[str]:
    return [
        *(find_ffmpeg(), "-nostdin", "-v", "error", "-y", "-i", f"file:{film}", "-map", "0:v:0", "-map", "0:a:0?"),
        *("-c:v", "libx264", "-preset", preset, "-crf", str(CRF), "-pix_fmt", "yuv420p", "-threads", str(WORKERS)),
        *("-c:a", "aac", "-b:a", "160k", f"file:{output}"),
    ]


def take_path(job: MeasuredJob, workers: int = WORKERS) -> tuple[Cost, list[dict[str, Any]]]:
    """Run a job's verbs as the DAG orders them: split, then chunks and audio at once, then merge."""
    started = time.monotonic()
    steps: list[dict[str, Any]] = []

    def run(verb: Verb, chunk: int | None = None) -> Cost:
        begun = time.monotonic() - started
        cost = job.run(verb, chunk, **({"MAPREEL_THREADS": "1"} if verb is Verb.ENCODE else {}))
        timing = {} if chunk is None else {"ffmpeg_wall_s": job.manifest(chunk).timing.wall_s}
        steps.append(
            {
                "verb": verb.value,
                "chunk": chunk,
                **timing,
                "begun_s": round(begun, 3),
                "wall_s": round(cost.wall_s, 3),
                "cpu_s": round(cost.cpu_s, 3),
            }
        )
        return cost

    costs = [run(Verb.SPLIT)]
    with ThreadPoolExecutor(workers) as encoders, ThreadPoolExecutor(1) as audio:
        jobs = [encoders.submit(run, Verb.ENCODE, chunk.index) for chunk in job.plan().chunks]
        jobs.append(audio.submit(run, Verb.ENCODE_AUDIO))
        costs += [each.result() for each in jobs]
    costs.append(run(Verb.MERGE))
    whole = Cost(
        time.monotonic() - started,
        sum(cost.cpu_s for cost in costs),
        max(cost.memory_bytes for cost in costs),
        max(cost.scratch_bytes for cost in costs),
    )
    return whole, steps
