"""Lines of text that overlap: kept where the container can, and named where it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpus import encode_film, load_profile
from tests.worker.films import FilmShelf, run_ffmpeg

pytestmark = pytest.mark.usefixtures("buckets")

OVERLAPPING = (
    "1\n00:00:00,500 --> 00:00:04,000\nErst\n\n"
    "2\n00:00:02,000 --> 00:00:03,000\nZugleich\n\n"
    "3\n00:00:04,000 --> 00:00:05,000\nDann\n"
)


@pytest.fixture
def talkative(films: FilmShelf, tmp_path: Path) -> Path:
    lines, film = tmp_path / "lines.srt", tmp_path / "talkative.mkv"
    lines.write_text(OVERLAPPING)
    run_ffmpeg("-i", str(films["plain.mp4"]), "-i", str(lines), "-map", "0", "-map", "1", "-c", "copy", str(film))
    return film


@pytest.mark.parametrize(
    ("container", "left_out"), [("mkv", []), ("mp4", ["the rest of 1 cues of subtitle stream 2 (subrip)"])]
)
def test_a_cue_that_mp4_cuts_is_named(container: str, left_out: list[str], talkative: Path, tmp_path: Path) -> None:
    profile = load_profile("h264-1080p", {"chunk_s": 2, "container": container, "video": {"preset": "ultrafast"}})
    line = encode_film(talkative, profile, tmp_path / f"out.{container}")
    assert line["outcome"] == "encoded", line["error"]
    assert [item["what"] for item in line["report"]["left_out"]] == left_out
