"""Where the CPU seconds of the verbs go: py-spy looks a hundred times a second at what their program does.

Each look is counted for the innermost function of the worker's own; what a library does for it is in it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from bench import merge, parallel, split
from bench.looks import record
from bench.meter import measure_program
from bench.record import Figure, Findings
from bench.stage import MeasuredJob, Stage
from encoding_contract.command import Verb

RATE_HZ = 100
SHOWN = 6
"""Parts of each verb that have a line of their own."""
_LOOK_NOTE = "a look counts each thread that could run, so a busy machine counts too much: take these on a quiet one"
_OWN = re.compile(r"^(\S+) \(.*encoding_worker/(\w+)\.py")


def measure(stage: Stage) -> Findings:
    """Run each verb twice, on the films of the experiment that is about it: as it is, and looked at."""
    clip = stage.films.made("broadcast", split.CLIP_S, "1280x720", split.KBPS)
    job = stage.freeze(stage.films.repeated(clip, split.TIMES), chunk_s=split.CHUNK_S)
    rows = _look_at(stage, job, Verb.SPLIT)
    job = stage.freeze(stage.films.real(parallel.CHUNK_S), chunk_s=parallel.CHUNK_S)
    job.run(Verb.SPLIT)
    rows += _look_at(stage, job, Verb.ENCODE, chunk=0)
    film = stage.films.repeated(clip, merge.TIMES)
    job = stage.freeze(film, chunk_s=merge.CHUNK_S, video={"preset": "ultrafast", "crf": 25})
    job.work.finish_chunks()
    rows += _look_at(stage, job, Verb.MERGE)
    return Findings(
        film="those of split and merge, and the first chunk of that of two workers, with one thread",
        figures=tuple(
            Figure(name=f"{row['verb']}: {row['part']}", value=row["share"], unit="%") for row in rows if row["shown"]
        ),
        rows=tuple(rows),
        notes=(_LOOK_NOTE,),
    )


def _look_at(
    stage: Stage, job: MeasuredJob, verb: Verb, chunk: int | None = None
) -> list[dict[str, str | float | bool]]:
    settings = {} if chunk is None else {"MAPREEL_THREADS": "1"}
    whole_s = job.run(verb, chunk, **settings).cpu_s
    if verb is Verb.SPLIT:
        job.forget_results()
    elif chunk is not None:
        job.forget_chunk(chunk)
    looks = stage.folder / f"{verb.value}.txt"
    measure_program(
        record(looks, RATE_HZ, "--function", "--", *job.work.command(verb, chunk)),
        job.work.environment(**settings),
        job.work.scratch,
    )
    parts = count_parts(looks)
    parts["ffmpeg's programs"] = max(0.0, whole_s - sum(parts.values()))
    whole_s = sum(parts.values())
    return [
        {
            "verb": verb.value,
            "part": part,
            "cpu_s": round(cpu_s, 2),
            "share": round(100 * cpu_s / whole_s, 1),
            "shown": place < SHOWN,
        }
        for place, (part, cpu_s) in enumerate(sorted(parts.items(), key=lambda item: -item[1]))
    ]


def count_parts(looks: Path) -> dict[str, float]:
    """Return CPU seconds by the innermost of the worker's functions, from py-spy's raw format."""
    parts: dict[str, float] = defaultdict(float)
    for line in looks.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        own = [found for frame in reversed(stack.split(";")) if (found := _OWN.match(frame))]
        parts[f"{own[0][2]}.{own[0][1]}" if own else "starting, and libraries' own threads"] += int(count) / RATE_HZ
    return parts
