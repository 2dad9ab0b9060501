"""The whole path over films of every awkward kind; an own look into the output says whether it is the same film."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage

from encoding_contract.profile import Profile
from tests.corpus import encode_film, load_profile
from tests.worker.films import RECIPES, TITLE, FilmShelf, run_ffmpeg
from tests.worker.looks import (
    check_frames,
    check_sound,
    listen_to_what_is_said,
    look_at_frames,
    open_film,
    read_chapters,
    read_lines,
)

pytestmark = pytest.mark.usefixtures("buckets")


def encode(film: Path, profile: Profile, folder: Path) -> tuple[Path, dict[str, Any]]:
    line = encode_film(film, profile, folder / f"out.{profile.container.value}")
    assert line["outcome"] == "encoded", line["error"]
    return Path(line["output"]), line["report"]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_frame_and_every_sound_arrives(films: FilmShelf, quick: Profile, recipe: Any, tmp_path: Path) -> None:
    source = films[recipe.name]
    output, report = encode(source, quick, tmp_path)
    assert check_frames(source, output) == report["frames"]
    if recipe.audio:
        check_sound(source, output)
    else:
        assert [said.kind for said in listen_to_what_is_said(output)] == ["video"]
    assert report["left_out"] == []
    assert report["damage"] == []
    few = recipe.name in ("single frame.mp4", "one keyframe.mkv", "screen.mkv", "photos.mov")
    assert (len(report["chunks"]) == 1) == few


@pytest.mark.parametrize(
    ("name", "profile", "overrides"),
    [
        ("open gop.mp4", "h264-1080p", {"container": "mp4", "video": {"preset": "fast"}}),
        ("late start.ts", "h265-1080p", {"video": {"preset": "ultrafast", "crf": 16}}),
        ("variable rate.mp4", "av1-1080p", {"container": "mp4", "video": {"preset": "12", "crf": 20}}),
        # Frames that are decoded before they are shown, where their rate changes.
        ("variable rate.mp4", "h264-1080p", {"container": "mp4", "video": {"preset": "veryfast", "crf": 16}}),
        ("slow end.mkv", "h264-1080p", {"container": "mp4", "video": {"preset": "veryfast", "crf": 16}}),
        ("slow end.mkv", "h265-1080p", {"container": "mp4", "video": {"preset": "fast", "crf": 16}}),
        ("odd size.webm", "vp9-720p-webm", {"video": {"crf": 16, "options": {"deadline": "realtime", "cpu-used": 8}}}),
        ("plain.mp4", "h264-1080p", {"video": {"bitrate_kbps": 900, "preset": "ultrafast"}}),
        ("plain.mp4", "whole-file", {"audio": {"codec": "copy", "bitrate_kbps": None}}),
        ("lossless sound.mkv", "h264-1080p", {"container": "mp4", "audio": {"codec": "copy", "bitrate_kbps": None}}),
        ("low sound.mkv", "h264-1080p", {"container": "mp4", "audio": {"codec": "copy", "bitrate_kbps": None}}),
    ],
)
def test_every_profile_keeps_every_frame(
    films: FilmShelf, name: str, profile: str, overrides: dict[str, Any], tmp_path: Path
) -> None:
    chunks = {} if profile == "whole-file" else {"chunk_s": 2}
    output, report = encode(films[name], load_profile(profile, {**chunks, **overrides}), tmp_path)
    assert check_frames(films[name], output) == report["frames"]
    check_sound(films[name], output)
    assert (len(report["chunks"]) == 1) == (profile == "whole-file")


@pytest.mark.parametrize("container", ["mkv", "mp4"])
def test_tracks_languages_chapters_and_attachments_arrive(films: FilmShelf, container: str, tmp_path: Path) -> None:
    source = films["many tracks.mkv"]
    overrides = {"chunk_s": 2, "container": container, "video": {"preset": "ultrafast", "crf": 16}}
    output, report = encode(source, load_profile("h264-1080p", overrides), tmp_path)
    check_frames(source, output)
    check_sound(source, output, 0)
    check_sound(source, output, 1)
    want = [said for said in listen_to_what_is_said(source) if said.kind != "attachment" or container == "mkv"]
    got = [said for said in listen_to_what_is_said(output) if said.kind != "data"]
    assert [(said.kind, said.language, said.channels) for said in got] == [
        (said.kind, said.language, said.channels) for said in want
    ]
    assert read_chapters(output) == read_chapters(source)
    assert len(read_chapters(output)) == 2
    with open_film(output) as film:
        assert film.metadata["title"] == TITLE
    if container == "mp4":
        assert [left["what"].split()[0] for left in report["left_out"]] == ["attachment"]
        return
    assert [(said.title, said.dispositions) for said in got] == [(said.title, said.dispositions) for said in want]
    for position in (0, 1):
        assert read_lines(output, position) == read_lines(source, position)
        assert len(read_lines(output, position)) == 2
    with open_film(source) as before, open_film(output) as after:
        assert _attachment(after) == _attachment(before)
        assert len(_attachment(after)) > 100
    assert report["left_out"] == []


def _attachment(film: Any) -> bytes:
    return next(bytes(stream.data) for stream in film.streams if stream.type == "attachment")


@pytest.mark.parametrize("container", ["mkv", "mp4"])
@pytest.mark.parametrize("name", ["rotated.mp4", "mirrored.mp4"])
def test_a_turned_or_mirrored_film_stays_so(films: FilmShelf, name: str, container: str, tmp_path: Path) -> None:
    source = films[name]
    overrides = {"chunk_s": 2, "container": container, "video": {"preset": "ultrafast", "crf": 16}}
    output, _ = encode(source, load_profile("h264-1080p", overrides), tmp_path)
    check_frames(source, output)
    with open_film(source) as before, open_film(output) as after:
        matrices = [bytes(next(film.decode(video=0)).side_data["DISPLAYMATRIX"]) for film in (before, after)]
    assert matrices[0] == matrices[1]


def test_an_anamorphic_film_keeps_its_aspect(films: FilmShelf, quick: Profile, tmp_path: Path) -> None:
    output, _ = encode(films["anamorphic.mkv"], quick, tmp_path)
    with open_film(output) as film:
        stream = film.streams.video[0]
        assert stream.sample_aspect_ratio == Fraction(16, 11)
        assert (stream.width, stream.height) == (160, 96)


def test_an_interlaced_film_stays_interlaced(films: FilmShelf, quick: Profile, tmp_path: Path) -> None:
    output, _ = encode(films["interlaced.mkv"], quick, tmp_path)
    with open_film(output) as film:
        assert all(frame.interlaced_frame for frame in film.decode(video=0))


def test_colours_are_described_as_in_the_source(films: FilmShelf, quick: Profile, tmp_path: Path) -> None:
    output, _ = encode(films["coloured.mp4"], quick, tmp_path)
    with open_film(films["coloured.mp4"]) as before, open_film(output) as after:
        described = [
            (int(frame.color_primaries), int(frame.color_trc), int(frame.colorspace), int(frame.color_range))
            for frame in (next(film.decode(video=0)) for film in (before, after))
        ]
    assert described == [(1, 1, 1, 1), (1, 1, 1, 1)]


def test_a_film_in_rgb_says_by_which_matrix_it_was_converted(films: FilmShelf, quick: Profile, tmp_path: Path) -> None:
    output, _ = encode(films["screen.mkv"], quick, tmp_path)
    with open_film(films["screen.mkv"]) as before, open_film(output) as after:
        first, second = (next(film.decode(video=0)) for film in (before, after))
        assert (second.width, int(second.colorspace)) == (1280, 1)  # BT.709, as for every HD picture
        shown = [
            [
                sum(plane) / len(plane)
                for plane in map(bytes, frame.reformat(format="gbrp", src_colorspace=matrix).planes)
            ]
            for frame, matrix in ((first, None), (second, "ITU709"))
        ]
    assert all(abs(a - b) < 2 for a, b in zip(*shown, strict=True)), shown


@pytest.mark.parametrize("name", ["one behind another.ts", "two sizes.ts", "uncompressed.nut"])
def test_what_changes_in_the_middle_or_fits_no_piece_is_one_film(
    films: FilmShelf, quick: Profile, name: str, tmp_path: Path
) -> None:
    """A clock that starts again in the middle, a picture that changes its size, a codec that no piece takes."""
    output, report = encode(films[name], quick, tmp_path)
    frames = look_at_frames(output)
    assert [frame.number for frame in frames] == list(range(60 if name == "uncompressed.nut" else 150))
    times = [frame.time for frame in frames if frame.time is not None]
    gaps = {
        place: b - a for place, (a, b) in enumerate(pairwise(times)) if abs(b - a - Fraction(1, 25)) > Fraction(1, 500)
    }
    assert gaps == {}
    if name == "uncompressed.nut":
        assert any("was cut by frame number" in note for note in report["notes"])


def test_hdr10_arrives_with_its_light(films: FilmShelf, tmp_path: Path) -> None:
    profile = load_profile("h265-1080p", {"chunk_s": 2, "video": {"preset": "ultrafast", "crf": 16}})
    source = films["hdr10.mkv"]
    output, _ = encode(source, profile, tmp_path)
    check_frames(source, output)
    with open_film(source) as before, open_film(output) as after:
        frames = [next(film.decode(video=0)) for film in (before, after)]
    for frame in frames:
        assert frame.format.name == "yuv420p10le"
        assert (int(frame.color_primaries), int(frame.color_trc), int(frame.colorspace)) == (9, 16, 9)
    described = [{data.type.name: bytes(data) for data in list(frame.side_data)} for frame in frames]
    for name in ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"):
        assert described[1][name] == described[0][name]


def test_an_odd_size_is_kept_to_the_pixel(films: FilmShelf, quick: Profile, tmp_path: Path) -> None:
    output, _ = encode(films["odd size.webm"], quick, tmp_path)
    with open_film(output) as film:
        assert (film.streams.video[0].width, film.streams.video[0].height) == (161, 97)


def test_a_hostile_name_is_only_a_name(
    films: FilmShelf, quick: Profile, tmp_path: Path, buckets: storage.Client
) -> None:
    film = tmp_path / "-i file:'%d';\n$(touch x)\\ é影.mp4"
    film.write_bytes(films["silent.mp4"].read_bytes())
    output, report = encode(film, quick, tmp_path)
    check_frames(film, output)
    assert report["output"]["name"] == f"{film.name}.mkv"
    assert buckets.bucket("mapreel-out").blob(f"{film.name}.mkv.report.json").exists()


def test_the_bits_tell_frames_apart(films: FilmShelf) -> None:
    # What the other tests rely on.
    assert [frame.number for frame in look_at_frames(films["plain.mp4"])] == list(range(150))


@pytest.mark.parametrize("matrix", [8, 10, 14], ids=["YCgCo", "BT.2020 constant luminance", "ICtCp"])
@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_film_of_any_matrix_is_encoded_as_it_is(films: FilmShelf, matrix: int, codec: str, tmp_path: Path) -> None:
    """The scaler of ffmpeg takes none of these."""
    source = tmp_path / "foreign.mkv"
    described = f"h264_metadata=matrix_coefficients={matrix}:colour_primaries=9:transfer_characteristics=16"
    run_ffmpeg("-i", f"file:{films['plain.mp4']}", "-c", "copy", "-bsf:v", described, f"file:{source}")
    profile = load_profile(f"{codec}-1080p", {"chunk_s": 2, "video": {"preset": "ultrafast", "crf": 16}})
    output, report = encode(source, profile, tmp_path)
    assert check_frames(source, output) == report["frames"]
    with open_film(output) as film:
        assert int(next(film.decode(video=0)).colorspace) == matrix
    assert report["notes"] == []
    assert report["quality"]["mean"] > 60


@pytest.mark.parametrize(
    ("profile", "overrides", "described", "lost"),
    [
        ("h265-1080p", {"preset": "ultrafast"}, "colour_primaries=22", "colour primaries 22"),
        ("h265-1080p", {"preset": "ultrafast"}, "matrix_coefficients=16", "colour matrix 16"),
        ("av1-1080p", {"preset": "12"}, "matrix_coefficients=0", "colour matrix 0"),
        (
            "vp9-720p-webm",
            {"options": {"deadline": "realtime", "cpu-used": 8}},
            "matrix_coefficients=0",
            "colour matrix 0",
        ),
    ],
)
def test_what_an_encoder_cannot_say_of_colours_is_left_out_by_name(
    films: FilmShelf, profile: str, overrides: dict[str, Any], described: str, lost: str, tmp_path: Path
) -> None:
    source = tmp_path / "described.mkv"
    run_ffmpeg(
        "-i", f"file:{films['plain.mp4']}", "-c", "copy", "-bsf:v", f"h264_metadata={described}", f"file:{source}"
    )
    output, report = encode(source, load_profile(profile, {"chunk_s": 2, "video": overrides}), tmp_path)
    assert len(look_at_frames(output)) == report["frames"]
    assert [left_out["what"] for left_out in report["left_out"]] == [f"{lost} of video stream 0"]


def test_a_last_frame_after_a_gap_is_shown_no_longer_than_in_the_source(
    films: FilmShelf, quick: Profile, tmp_path: Path
) -> None:
    source = tmp_path / "gap.mkv"
    late = "setpts=PTS+gte(N\\,74)*5/25/TB"
    run_ffmpeg(
        *("-t", "3", "-i", f"file:{films['plain.mp4']}", "-map", "0:v", "-vf", late, "-fps_mode", "passthrough"),
        *("-c:v", "libx264", "-preset", "ultrafast", f"file:{source}"),
    )
    output, _ = encode(source, quick, tmp_path)
    with open_film(source) as before, open_film(output) as after:
        assert abs((before.duration or 0) - (after.duration or 0)) < 10_000


def test_a_picture_that_is_too_small_for_its_encoder_is_bad_input(films: FilmShelf, tmp_path: Path) -> None:
    """x265 crashes at it, which would be tried again and again."""
    source = tmp_path / "small.mkv"
    run_ffmpeg("-t", "1", "-i", f"file:{films['plain.mp4']}", "-vf", "scale=48:16", "-c:v", "ffv1", f"file:{source}")
    line = encode_film(source, load_profile("h265-1080p", {}), tmp_path / "out.mkv")
    assert line["outcome"] == "bad input"
    assert "libx265 takes no picture of 48x16" in line["error"]
    _, report = encode(source, load_profile("h264-1080p", {"video": {"preset": "ultrafast"}}), tmp_path)
    assert (report["frames"], report["notes"]) == (25, [])


def test_damage_that_goes_into_no_piece_leaves_the_rest_of_the_film(films: FilmShelf, tmp_path: Path) -> None:
    """Matroska's muxer takes AV1's packets apart, and ends at one that it cannot."""
    whole, source = tmp_path / "whole.mkv", tmp_path / "damaged.nut"
    run_ffmpeg("-i", f"file:{films['plain.mp4']}", *("-c:v", "libsvtav1", "-preset", "12", "-g", "25"), f"file:{whole}")
    noise = "noise=amount='if(between(n,90,92),1,0)'"
    run_ffmpeg("-i", f"file:{whole}", "-map", "0:v", "-c", "copy", "-bsf:v", noise, f"file:{source}")
    profile = load_profile("h264-1080p", {"chunk_s": 2, "damaged": "tolerate", "video": {"preset": "ultrafast"}})
    output, report = encode(source, profile, tmp_path)
    assert "goes into no piece" in report["notes"][0]
    assert report["damage"]
    assert len(look_at_frames(output)) == report["frames"] > 125
