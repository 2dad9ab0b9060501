"""The page of measurements: what it says first is whether the marks hold, and of what does not, why."""

from __future__ import annotations

from pathlib import Path

from bench.page import write_page
from bench.record import Figure, Findings, Record


def test_a_missed_mark_stands_first_with_its_reason(tmp_path: Path) -> None:
    _record("split", 0.5).save(tmp_path)
    _record("proof", 0.9).save(tmp_path)
    page = tmp_path / "page.md"

    write_page(("split", "proof"), tmp_path, page)

    rows = [line for line in page.read_text().splitlines() if line.startswith("| [")]
    assert rows[0].startswith("| [Split](#split) | 0 of 1 | speed: 0.5 x (>= 0.7). Why: `cp` copies within the kernel;")
    assert "[Where the time of split, encode and merge goes](#where-the-time-of-split-encode-and-merge-goes)" in rows[0]
    assert rows[1:] == ["| [What the proof costs](#what-the-proof-costs) | 1 of 1 |  |"]


def test_a_missed_mark_that_nobody_has_explained_says_so(tmp_path: Path) -> None:
    _record("proof", 0.5).save(tmp_path)
    page = tmp_path / "page.md"

    write_page(("proof",), tmp_path, page)

    assert "| 0 of 1 | speed: 0.5 x (>= 0.7). Why: not found out yet. |" in page.read_text()


def _record(experiment: str, speed: float) -> Record:
    figure = Figure(name="speed", value=speed, unit="x", must=">=", mark=0.7)
    return Record.of(
        experiment, Findings(film="none", figures=(figure,), rows=({"way": "split", "wall_s": 2, "cpu_s": 1},))
    )
