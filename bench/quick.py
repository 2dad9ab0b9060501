"""The ratios that CI measures again: CPU seconds of ours against those of the other way, on small films.

CPU seconds, not seconds, and the best of a few rounds: what else a machine of CI does at that moment must not decide.
Split and merge decode, which a script that carries does not, and machines differ in how much dearer that is than to
start a program: so the film's decoding stands on the script's side, too.
"""

from __future__ import annotations

from pathlib import Path

from bench import merge, split, whole_path
from bench.meter import measure_program
from bench.record import Figure, Findings, Record
from bench.stage import Stage
from encoding_worker.ffmpeg import find_ffmpeg

CLIP_S = 20
WORSE = 1.25
"""A ratio may be so many times what is written down."""


def measure(stage: Stage) -> Findings:
    """Measure the small forms of three experiments."""
    split_small = split.measure(stage, clip_s=CLIP_S, times=1, rounds=2)
    merge_small = merge.measure(stage, clip_s=CLIP_S, times=1, chunk_s=CLIP_S // 2, rounds=2)
    path_small = whole_path.measure(stage, seconds=CLIP_S, chunk_s=CLIP_S // 2, preset="veryfast", rounds=3)
    decoding_s = _decoding_s(stage.films.made("broadcast", CLIP_S, "1280x720", split.KBPS))
    pairs = (
        ("split against carrying and decoding", split_small, "split", "carry", decoding_s),
        ("merge against a script and decoding", merge_small, "merge", "mkvmerge in a script", decoding_s),
        ("whole path against plain ffmpeg", path_small, "chunked", "plain", 0.0),
    )
    return Findings(
        film="; ".join(found.film for _, found, *_ in pairs),
        figures=tuple(
            Figure(name=f"{name}, CPU seconds", value=_best(found, way) / (_best(found, other) + more_s), unit="x")
            for name, found, way, other, more_s in pairs
        ),
    )


def _decoding_s(film: Path) -> float:
    command = [find_ffmpeg(), "-v", "error", "-threads", "1", "-i", f"file:{film}", "-f", "null", "-"]
    return min(measure_program(command).cpu_s for _ in range(3))


def _best(found: Findings, way: str) -> float:
    return min(float(row["cpu_s"]) for row in found.rows if row.get("way") == way)


def find_worse(now: Findings, before: Record) -> list[str]:
    """Return what got worse by more than a quarter, a line each."""
    stood = {figure.name: figure.value for figure in before.findings.figures}
    return [
        f"{figure.name}: {figure.value:g}, {stood[figure.name]:g} on {before.date:%Y-%m-%d}"
        for figure in now.figures
        if figure.value > WORSE * stood[figure.name]
    ]
