"""Memory and scratch of each verb over the length of the film: both must grow with a chunk, not with the film."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.record import Figure, Findings
from bench.stage import Stage
from encoding_contract.command import Verb
from encoding_contract.plan import Plan

MINUTES = (1, 20, 120)
CLIP_S, CHUNK_S = 60, 120
VERBS = (Verb.SPLIT, Verb.ENCODE, Verb.ENCODE_AUDIO, Verb.MERGE)
_MEMORY_MARKS: dict[Verb, dict[str, Any]] = {verb: {"must": "<=", "mark": 400} for verb in (Verb.SPLIT, Verb.MERGE)}
_SCRATCH_MARKS: dict[Verb, dict[str, Any]] = {
    Verb.SPLIT: {"unit": "chunks", "must": "<=", "mark": 2},
    Verb.ENCODE: {"unit": "chunks", "must": "<=", "mark": 2},
    Verb.ENCODE_AUDIO: {"unit": "chunks", "must": "<=", "mark": 2},
    Verb.MERGE: {"unit": "x output", "must": "<=", "mark": 1.1},
}


def measure(stage: Stage, minutes: tuple[int, ...] = MINUTES) -> Findings:
    """Take films of all lengths through all verbs; of the chunks only the last one is measured."""
    clip = stage.films.made("small", CLIP_S, "160x96", 400)
    rows = [row for length in minutes for row in _take_through(stage, clip, length)]
    figures: list[Figure] = []
    for verb in VERBS:
        own = [row for row in rows if row["verb"] == verb.value]
        memory = [row["memory_bytes"] for row in own]
        growth = memory[-1] / memory[0]
        figures += [
            Figure(
                name=f"{verb.value}: memory, longest film against shortest", value=growth, unit="x", must="<=", mark=1.1
            ),
            Figure(
                name=f"{verb.value}: memory, at most", value=max(memory) / 1e6, unit="MB", **_MEMORY_MARKS.get(verb, {})
            ),
            Figure(name=f"{verb.value}: scratch, longest film", value=own[-1]["scratch"], **_SCRATCH_MARKS[verb]),
        ]
    return Findings(
        film=f"made, {', '.join(map(str, minutes))} minutes, chunks of {CHUNK_S} s",
        figures=tuple(figures),
        rows=tuple(rows),
        notes=(
            "an encoded sound is uploaded while it is made; FLAC and copied sounds lie in the scratch until then: "
            '"Where a sound\'s file is written" shows why',
        ),
    )


def _take_through(stage: Stage, clip: Path, minutes: int) -> list[dict[str, Any]]:
    film = stage.films.repeated(clip, minutes * 60 // CLIP_S)
    job = stage.freeze(film, chunk_s=CHUNK_S, video={"preset": "ultrafast", "crf": 20})
    costs = {Verb.SPLIT: job.run(Verb.SPLIT)}
    plan: Plan = job.plan()
    for chunk in plan.chunks[:-1]:
        job.work.encode(chunk.index)
    costs[Verb.ENCODE] = job.run(Verb.ENCODE, plan.chunks[-1].index)
    costs[Verb.ENCODE_AUDIO] = job.run(Verb.ENCODE_AUDIO)
    costs[Verb.MERGE] = job.run(Verb.MERGE)
    piece = max(chunk.piece_bytes for chunk in plan.chunks)
    encoded = job.work.blob(job.work.objects.chunk_video(plan.chunks[-1].index))
    encoded.reload()
    # A chunk is what is larger of it: its piece of the source, or what came of that.
    whole = {Verb.ENCODE: max(piece, encoded.size), Verb.MERGE: job.work.fetch_output().stat().st_size}
    return [
        {
            "verb": verb.value,
            "minutes": minutes,
            "chunks": len(plan.chunks),
            "memory_bytes": cost.memory_bytes,
            "scratch_bytes": cost.scratch_bytes,
            "scratch": round(cost.scratch_bytes / whole.get(verb, piece), 3),
            "cpu_s": round(cost.cpu_s, 2),
        }
        for verb, cost in costs.items()
    ]
