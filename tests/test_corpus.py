"""A folder of real videos through the worker's whole path, each judged frame by frame.

Needs ``MAPREEL_TEST_MEDIA``, a folder of videos; with ``MAPREEL_JUDGE``, a program that takes ``SOURCE OUTPUT --json``,
each output is judged by it as well.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest

from encoding_worker.ffmpeg import find_ffmpeg

# Long, as in CI much else runs beside it.
TIMEOUT_S = 5000
pytestmark = [pytest.mark.corpus, pytest.mark.timeout(TIMEOUT_S)]

ROOT = Path(__file__).resolve().parent.parent

# Chosen to hold each kind of picture once, for the slower encoders.
SAMPLE = "odd-dimensions|_444|hdr10_mdcv|1000s|single-frame|prores|openshot"

# What is another film in Matroska than in MP4: attachments, subtitles, covers, time codes, alpha, uneven times.
RICH = "attachment|multi|pgs|tmcd|coverart|captions|vfr|nopts|transparent|nasa|no_sync"

# What is only long: whole, three of forty would take half of the time. Their first part is enough, in chunks that are
# longer than a piece of two seconds; `make corpus` takes them whole.
LONG, LONG_S = "androidx_long|autoeditor_example|big_buck_bunny", 20

# How hard an encoder tries changes nothing of what is looked at.
FAST = ("--set", "video.preset=ultrafast")

# A check of the judge, and what the report must name where it fails.
EXCUSES = {
    "streams.attachment": "attachment stream",
    "streams.subtitle": "subtitle stream",
    "subtitles.times": "cues of subtitle stream",
    "alpha": "alpha of",
    "interlacing": "field order of",
}


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of videos."""
    folder = os.environ.get("MAPREEL_TEST_MEDIA")
    if not folder:
        pytest.skip("MAPREEL_TEST_MEDIA names no folder of videos")
    return Path(folder)


def run_corpus(media: Path, out: Path, *arguments: str) -> list[dict[str, Any]]:
    """Run the table, and return its lines."""
    judge = os.environ.get("MAPREEL_JUDGE")
    command = [sys.executable, "-m", "tests.corpus", "--media", str(media), "--out", str(out), *arguments]
    subprocess.run([*command, *(["--judge", judge] if judge else [])], cwd=ROOT, check=False, timeout=TIMEOUT_S)
    return [json.loads(line) for line in (out / "corpus.jsonl").read_text().splitlines()]


def is_playable(path: Path) -> bool:
    """Tell whether anything of a file decodes to a picture."""
    try:
        with av.open(f"file:{path}") as container:
            return next(container.decode(video=0), None) is not None
    except (av.error.FFmpegError, IndexError):
        return False


def check_lines(lines: list[dict[str, Any]], media: Path) -> None:
    """Hold each line against what a user would want: all that plays is encoded whole, all else refused in one line."""
    problems: list[str] = []
    for line in lines:
        name = line["file"]
        if not is_playable(media / name):
            if line["outcome"] != "bad input" or "\n" in line["error"]:
                problems.append(f"{name}: expected bad input in one line, found {line['outcome']}: {line['error']}")
        elif line["outcome"] != "encoded":
            problems.append(f"{name}: {line['outcome']}: {line['error']}")
        else:
            problems += [f"{name}: {fault}" for fault in unexcused({**line, "source": media / name})]
    assert not problems, "\n".join(problems)


def are_titles_kept(source: Path, output: Path) -> bool:
    """Tell whether the sound tracks have the titles of the source's, as our own ffmpeg reads them."""
    titles = []
    for path in (source, output):
        with av.open(f"file:{path}") as film:
            tags = [{key.lower(): value for key, value in stream.metadata.items()} for stream in film.streams.audio]
            titles.append([tag.get("title") or tag.get("name") for tag in tags])
    return titles[0] == titles[1]


def unexcused(line: dict[str, Any]) -> list[str]:
    """Return the judge's faults but for what the report names as left out, and times that no container can hold."""
    verdict = line.get("judge", {"fails": [], "notes": []})
    left_out = " ".join(item["what"] for item in line["report"]["left_out"])
    faults = []
    for fault in verdict["fails"]:
        check = fault.split(":")[0]
        if check == "streams.data" and "data stream" in left_out:
            continue
        if check == "frame_times" and any("not increasing" in note for note in verdict["notes"]):
            continue  # two frames at one time, or backwards: moved apart by as little as can be
        if check == "pix_fmt" and ("chroma resolution" in left_out or "bit depth" in left_out):
            continue
        if check in EXCUSES and EXCUSES[check] in left_out:
            continue
        if check == "title" and are_titles_kept(Path(line["source"]), Path(line["output"])):
            continue  # an older ffmpeg does not read the track titles of an mp4
        faults.append(fault)
    return faults


@pytest.mark.parametrize(("container", "films"), [("mp4", f"^(?!.*({LONG}))"), ("mkv", RICH)])
def test_all_kinds(container: str, films: str, media: Path, tmp_path: Path) -> None:
    """At 2-second chunks every file that plays comes out whole; what MP4 cannot hold is named in the report."""
    lines = run_corpus(media, tmp_path, "--only", films, "--set", f"container={container}", *FAST)
    assert lines
    check_lines(lines, media)
    assert any(len(line["report"]["chunks"]) > 4 for line in lines if line["report"])


def test_long_ones(media: Path, tmp_path: Path) -> None:
    """Chunks of eight seconds."""
    parts = tmp_path / "media"
    parts.mkdir()
    for film in media.iterdir():
        if re.search(LONG, film.name):
            cut = [find_ffmpeg(), "-v", "error", "-t", str(LONG_S), "-i", f"file:{film}", "-map", "0", "-c", "copy"]
            subprocess.run([*cut, str(parts / film.name)], check=True)
    if not any(parts.iterdir()):
        pytest.skip(f"{media} has none of {LONG}")
    lines = run_corpus(parts, tmp_path, "--set", "chunk_s=8", *FAST)
    check_lines(lines, parts)
    assert all(len(line["report"]["chunks"]) > 1 for line in lines)


@pytest.mark.parametrize(
    ("profile", "settings"),
    [
        ("h265-1080p", ["video.preset=veryfast"]),
        ("av1-1080p", ["video.preset=12"]),
        ("vp9-720p-webm", ["container=mkv", "video.max_height=null", "video.options.cpu-used=6"]),
    ],
)
def test_a_sample_with(profile: str, settings: list[str], media: Path, tmp_path: Path) -> None:
    """Other codecs and containers, on some of the files."""
    arguments = [part for setting in settings for part in ("--set", setting)]
    lines = run_corpus(media, tmp_path, "--profile", profile, "--only", SAMPLE, *arguments)
    assert lines
    check_lines(lines, media)
