"""Films of two views in one picture (3D): what says so arrives, and arrives once."""

from __future__ import annotations

from pathlib import Path

import pytest
from av.sidedata.sidedata import Type

from encoding_contract.profile import Container, VideoCodec
from encoding_worker.views import frame_packing, is_mode_held
from tests.corpus import encode_film, load_profile
from tests.worker.films import CLOSED_GOP, H264, FilmShelf, run_ffmpeg
from tests.worker.looks import look_at_frames, open_film

pytestmark = pytest.mark.usefixtures("buckets")

BESIDE = 3
"""x264's number for the left view on the left."""


def make_views(film: Path, path: Path, *, by_frames: bool, by_container: bool) -> Path:
    """Write 3 s of a film that says of itself that it holds two views."""
    packing = f":frame-packing={BESIDE}" if by_frames else ""
    plain = path.with_suffix(".h264.mkv")
    run_ffmpeg("-t", "3", "-i", f"file:{film}", "-map", "0:v", *H264, "-x264-params", CLOSED_GOP + packing, str(plain))
    told = ("-metadata:s:v", "stereo_mode=left_right") if by_container else ()
    run_ffmpeg("-i", f"file:{plain}", "-c", "copy", *told, f"file:{path}")
    return path


@pytest.mark.parametrize(
    ("by_frames", "by_container", "name"),
    [(True, True, "both.mkv"), (True, False, "frames.ts"), (False, True, "container.mkv")],
)
@pytest.mark.parametrize(
    ("profile", "overrides"),
    [
        ("h264-1080p", {"video": {"preset": "ultrafast", "crf": 16}}),
        ("h265-1080p", {"video": {"preset": "ultrafast", "crf": 16}}),
        ("h264-1080p", {"container": "mp4", "video": {"preset": "ultrafast", "crf": 16}}),
    ],
)
def test_two_views_are_told_once(
    films: FilmShelf,
    by_frames: bool,
    by_container: bool,
    name: str,
    profile: str,
    overrides: dict[str, object],
    tmp_path: Path,
) -> None:
    source = make_views(films["plain.mp4"], tmp_path / name, by_frames=by_frames, by_container=by_container)
    chosen = load_profile(profile, {"chunk_s": 1, **overrides})
    target = tmp_path / f"out.{chosen.container.value}"

    line = encode_film(source, chosen, target)

    assert line["outcome"] == "encoded", line["error"]
    assert line["report"]["left_out"] == []
    assert line["report"]["notes"] == []
    assert [frame.number for frame in look_at_frames(target)] == list(range(75))
    with open_film(target) as film:
        stated = [[data.type for data in list(frame.side_data)].count(Type.STEREO3D) for frame in film.decode(video=0)]
        assert (stated[0], max(stated)) == (1, 1)
        assert film.streams.video[0].metadata.get("stereo_mode") == (
            "left_right" if chosen.container is Container.MKV else None
        )
    run_ffmpeg("-i", f"file:{target}", "-f", "null", "-")


def test_chunks_that_tell_nothing_are_not_taken_over_where_they_must(films: FilmShelf, tmp_path: Path) -> None:
    source = make_views(films["plain.mp4"], tmp_path / "moved.mkv", by_frames=False, by_container=True)
    for container, times in (("mkv", 0), ("mp4", 3), ("mkv", 0)):
        profile = load_profile("h264-1080p", {"container": container, "chunk_s": 1, "video": {"preset": "ultrafast"}})
        line = encode_film(source, profile, tmp_path / f"out.{container}")
        assert line["outcome"] == "encoded", line["error"]
        packing = [command for command in line["report"]["commands"] if "frame-packing=3" in command]
        assert len(packing) == times


def test_what_the_output_cannot_say_is_left_out_by_name(films: FilmShelf, tmp_path: Path) -> None:
    source = make_views(films["plain.mp4"], tmp_path / "views.mkv", by_frames=False, by_container=True)
    profile = load_profile("h265-1080p", {"container": "mp4", "video": {"preset": "ultrafast"}})
    line = encode_film(source, profile, tmp_path / "out.mp4")
    (left_out,) = line["report"]["left_out"]
    assert left_out["what"] == "stereo mode of video stream 0 (left_right)"


def test_a_container_says_only_what_it_has_words_for() -> None:
    said = [
        (mode, container)
        for container in Container
        for mode in ("", "left_right", "checkerboard_lr")
        if is_mode_held(mode, container)
    ]
    assert said == [
        ("left_right", Container.MKV),
        ("checkerboard_lr", Container.MKV),
        ("left_right", Container.WEBM),
    ]


def test_x264_tells_only_what_the_container_cannot_and_what_it_has_a_number_for() -> None:
    assert frame_packing("top_bottom", VideoCodec.X264, Container.MP4) == 4
    assert frame_packing("checkerboard_lr", VideoCodec.X264, Container.WEBM) == 0
    for mode, codec, container in (
        ("top_bottom", VideoCodec.X264, Container.MKV),
        ("top_bottom", VideoCodec.X265, Container.MP4),
        ("right_left", VideoCodec.X264, Container.MP4),
        ("", VideoCodec.X264, Container.MP4),
    ):
        assert frame_packing(mode, codec, container) is None
