"""The ratios that CI measures again: CPU seconds of ours against those of the other way, on small films.

CPU seconds, not seconds, and the best of a few rounds: what else a machine of CI does at that moment must not decide.
"""

from __future__ import annotations

from bench import merge, split, whole_path
from bench.record import Figure, Findings, Record
from bench.stage import Stage

CLIP_S = 20
WORSE = 1.25
"""A ratio may be so many times what is written down."""


def measure(stage: Stage) -> Findings:
    """Measure the small forms of three experiments."""
    split_small = split.measure(stage, clip_s=CLIP_S, times=1, rounds=2)
    merge_small = merge.measure(stage, clip_s=CLIP_S, times=1, chunk_s=CLIP_S // 2, rounds=2)
    path_small = whole_path.measure(stage, seconds=CLIP_S, chunk_s=CLIP_S // 2, preset="veryfast", rounds=3)
    pairs = (
        ("split against carrying", split_small, "split", "carry"),
        ("merge against a script", merge_small, "merge", "mkvmerge in a script"),
        ("whole path against plain ffmpeg", path_small, "chunked", "plain"),
    )
    return Findings(
        film="; ".join(found.film for _, found, _, _ in pairs),
        figures=tuple(
            Figure(name=f"{name}, CPU seconds", value=_best(found, way) / _best(found, other), unit="x")
            for name, found, way, other in pairs
        ),
    )


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
