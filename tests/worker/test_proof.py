"""A film that was joined otherwise than planned is not published, whatever made it so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from encoding_worker import merge
from encoding_worker.mux import mux_film
from tests.corpus import encode_film, load_profile
from tests.worker.films import FilmShelf, run_ffmpeg

pytestmark = pytest.mark.usefixtures("buckets")

Harm = Callable[[Path, Path], None]


def _shift_sound(film: Path, harmed: Path) -> None:
    inputs = ("-copyts", "-i", f"file:{film}", "-copyts", "-itsoffset", "0.02", "-i", f"file:{film}")
    run_ffmpeg(*inputs, "-map", "0:v", "-map", "1:a", "-c", "copy", f"file:{harmed}")


def _shift_picture(film: Path, harmed: Path) -> None:
    inputs = ("-copyts", "-itsoffset", "0.04", "-i", f"file:{film}", "-copyts", "-i", f"file:{film}")
    run_ffmpeg(*inputs, "-map", "0:v", "-map", "1:a", "-c", "copy", f"file:{harmed}")


def _drop_sounds(film: Path, harmed: Path) -> None:
    run_ffmpeg(
        *("-copyts", "-i", f"file:{film}", "-map", "0", "-c", "copy"),
        *("-bsf:a", "noise=drop=between(n\\,50\\,52)", f"file:{harmed}"),
    )


def _cut_sounds_end(film: Path, harmed: Path) -> None:
    inputs = ("-copyts", "-i", f"file:{film}", "-copyts", "-t", "5.5", "-i", f"file:{film}")
    run_ffmpeg(*inputs, "-map", "0:v", "-map", "1:a", "-c", "copy", f"file:{harmed}")


def _drop_frames(film: Path, harmed: Path) -> None:
    run_ffmpeg(
        *("-copyts", "-i", f"file:{film}", "-map", "0", "-c", "copy"),
        *("-bsf:v", "noise=drop=eq(n\\,149)", f"file:{harmed}"),
    )


@pytest.mark.parametrize("container", ["mkv", "mp4"])
@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (_shift_sound, "plays audio stream 1 +20.00 ms off its time at"),
        (_shift_picture, "shows frame 0 of video stream 0 +40.00 ms off its time"),
        (_drop_sounds, "packets of audio stream 1, expected"),
        (_cut_sounds_end, "packets of audio stream 1, expected"),
        (_drop_frames, "has 149 frames of video stream 0, expected 150"),
    ],
)
def test_what_is_joined_otherwise_is_not_published(
    films: FilmShelf,
    harm: Harm,
    problem: str,
    container: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def mux_and_harm(*given: Any) -> str:
        command, path = mux_film(*given), given[-1]
        harm(path, path.with_name(f"harmed.{container}"))
        path.with_name(f"harmed.{container}").replace(path)
        return command

    monkeypatch.setattr(merge, "mux_film", mux_and_harm)

    profile = load_profile(
        "h264-1080p", {"chunk_s": 2, "container": container, "video": {"preset": "ultrafast", "crf": 20}}
    )
    line = encode_film(films["plain.mp4"], profile, tmp_path / "out")

    assert line["outcome"] == "failed"
    assert problem in line["error"]
    assert "nothing was published" in line["error"]
    assert not (tmp_path / "out").exists()
