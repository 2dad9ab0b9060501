"""The ratios that CI measures again: CPU seconds of ours against those of the other way, on small films.

CPU seconds, not seconds, and the least of all rounds: what else a machine of CI does at that moment must not decide.
Split and merge decode, which a script that carries does not, and machines differ in how much dearer that is than to
start a program: so the film's decoding stands on the script's side, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench import merge, split, whole_path
from bench.meter import measure_program
from bench.record import Figure, Findings
from bench.stage import Stage
from encoding_worker.ffmpeg import find_ffmpeg

CLIP_S = 20
WORSE = 1.25
"""A ratio may be so many times what is written down."""


@dataclass
class Ratio:
    """What one way costs against another, and every round of both so far, in CPU seconds."""

    name: str
    way: str
    other: str
    measure_both: Callable[[Stage], Findings]
    decodes: bool = False
    film: str = ""
    ours_s: list[float] = field(default_factory=list)
    theirs_s: list[float] = field(default_factory=list)

    def measure(self, stage: Stage) -> None:
        """Take some more rounds."""
        found = self.measure_both(stage)
        self.film = found.film
        decoding_s = _decoding_s(stage.films.made("broadcast", CLIP_S, "1280x720", split.KBPS)) if self.decodes else 0.0
        self.ours_s += _cpu_s(found, self.way)
        self.theirs_s += [cpu_s + decoding_s for cpu_s in _cpu_s(found, self.other)]

    @property
    def figure(self) -> Figure:
        """The least of ours against the least of theirs."""
        return Figure(name=f"{self.name}, CPU seconds", value=min(self.ours_s) / min(self.theirs_s), unit="x")


def list_ratios() -> tuple[Ratio, ...]:
    """Return the small forms of three experiments, not measured yet."""
    return (
        Ratio("split against carrying and decoding", "split", "carry", _split, decodes=True),
        Ratio("merge against a script and decoding", "merge", "mkvmerge in a script", _merge, decodes=True),
        Ratio("whole path against plain ffmpeg", "chunked", "plain", _whole_path),
    )


def measure(stage: Stage) -> Findings:
    """Measure each ratio twice, as what is written down must not be a busy moment's."""
    ratios = list_ratios()
    for ratio in ratios * 2:
        ratio.measure(stage)
    return Findings(film="; ".join(ratio.film for ratio in ratios), figures=tuple(ratio.figure for ratio in ratios))


def _split(stage: Stage) -> Findings:
    return split.measure(stage, clip_s=CLIP_S, times=1, rounds=1)


def _merge(stage: Stage) -> Findings:
    return merge.measure(stage, clip_s=CLIP_S, times=1, chunk_s=CLIP_S // 2, rounds=1)


def _whole_path(stage: Stage) -> Findings:
    return whole_path.measure(stage, seconds=CLIP_S, chunk_s=CLIP_S // 2, preset="veryfast", rounds=2)


def _decoding_s(film: Path) -> float:
    command = [find_ffmpeg(), "-v", "error", "-threads", "1", "-i", f"file:{film}", "-f", "null", "-"]
    return min(measure_program(command).cpu_s for _ in range(3))


def _cpu_s(found: Findings, way: str) -> list[float]:
    return [float(row["cpu_s"]) for row in found.rows if row.get("way") == way]
