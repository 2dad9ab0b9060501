"""What is measured of an encode: near one for one that loses nothing, and lower for one that does; never a fault."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from encoding_contract.plan import Chunk
from encoding_contract.profile import Profile
from encoding_worker.framelist import parse_frames
from encoding_worker.quality import KEPT_BYTES, Sampling, choose_windows
from tests.corpus import load_profile
from tests.worker.films import H264, FilmShelf, Recipe
from tests.worker.work import Work

pytestmark = pytest.mark.usefixtures("buckets")

MakeWork = Callable[..., Work]


def chunk(frames: int, index: int = 0) -> Chunk:
    return Chunk(index=index, track=0, first_frame=0, frames=frames, start_pts=0, end_pts=frames, pts_digest="0" * 64)


@pytest.mark.parametrize("frames", [1, 2, 23, 24, 25, 150, 3000, 200_000])
@pytest.mark.parametrize(
    ("width", "height", "pixel_format", "frame_bytes"),
    [(160, 96, "yuv420p", 160 * 96 * 1.5), (1920, 1080, "yuv420p", 3.1e6), (7680, 4320, "yuv444p12le", 1.99e8)],
)
def test_windows_lie_apart_within_their_chunk_and_fit_into_the_scratch(
    frames: int, width: int, height: int, pixel_format: str, frame_bytes: float
) -> None:
    windows = choose_windows(chunk(frames), width, height, pixel_format)
    ends = [0, *(window.end for window in windows)]
    assert all(end <= window.first for end, window in zip(ends, windows, strict=False))
    assert ends[-1] <= frames
    assert (sum(window.frames for window in windows) + 1) * frame_bytes <= KEPT_BYTES or not windows
    assert windows or frame_bytes > 1e8


def test_of_small_chunks_one_in_ten_is_measured() -> None:
    assert [index for index in range(25) if choose_windows(chunk(50, index), 320, 180, "yuv420p")] == [0, 10, 20]
    assert all(choose_windows(chunk(3000, index), 1920, 1080, "yuv420p") for index in range(25))


@pytest.mark.parametrize(
    ("name", "profile", "video"),
    [
        ("open gop.mp4", "h264-1080p", {}),
        ("variable rate.mp4", "h264-1080p", {"max_height": 64}),
        # Decoding begins at the keyframe of frame 50, and not at the chunk's beginning.
        ("interlaced.mkv", "h264-1080p", {"options": {"g": "25"}}),
        ("hdr10.mkv", "h265-1080p", {}),
        ("odd size.webm", "vp9-720p-webm", {"options": {"deadline": "realtime", "cpu-used": "8"}}),
    ],
)
def test_the_same_frames_are_compared(
    films: FilmShelf, make_work: MakeWork, name: str, profile: str, video: dict[str, Any]
) -> None:
    lossless = {"crf": 1, "preset": None if "vp9" in profile else "ultrafast", **video}
    work = make_work(films[name], load_profile(profile, {"chunk_s": 0, "video": lossless}))
    plan = work.split()
    work.encode(0)
    manifest = work.manifest(0)
    assert manifest.notes == ()
    assert manifest.quality is not None
    (sample,) = manifest.quality.samples
    assert sample.frames == 12
    assert sample.score > 94
    track = plan.tracks[0]
    frames = parse_frames(work.blob(manifest.frame_list.name).download_as_text())
    first = frames[(len(frames) - sample.frames) // 2].pts
    assert first is not None
    assert sample.start_us == round(track.seconds(first - track.first_pts) * 1_000_000)


def test_a_neighbour_in_a_frames_place_would_be_seen(
    films: FilmShelf, make_work: MakeWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Sampling._place
    monkeypatch.setattr(Sampling, "_place", lambda self, window: right(self, window) - 1)
    lossless = {"crf": 1, "preset": "ultrafast"}
    work = make_work(films["plain.mp4"], load_profile("h264-1080p", {"chunk_s": 0, "video": lossless}))
    work.split()
    work.encode(0)
    quality = work.manifest(0).quality
    assert quality is not None
    assert quality.samples[0].score < 80


def test_a_poor_encode_is_told_from_a_good_one(films: FilmShelf, make_work: MakeWork, tmp_path: Path) -> None:
    noisy = films.make(
        Recipe("noisy.mp4", (*H264, "-vf", "noise=alls=50:allf=t"), (), frames=50), tmp_path / "noisy.mp4"
    )
    scores = []
    for crf in (12, 45):
        work = make_work(noisy, load_profile("h264-1080p", {"chunk_s": 0, "video": {"crf": crf}}), f"{crf}.mp4")
        work.split()
        work.encode(0)
        quality = work.manifest(0).quality
        assert quality is not None
        scores.append(quality.samples[0].score)
    assert scores[0] > scores[1] + 20


def test_what_cannot_be_measured_is_a_note_and_the_film_is_published(
    films: FilmShelf, make_work: MakeWork, quick: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Sampling._place
    monkeypatch.setattr(Sampling, "_place", lambda self, window: right(self, window) + 1)
    work = make_work(films["silent.mp4"], quick)
    work.finish_chunks()
    report = work.merge()
    assert report.quality is None
    assert any("quality was not measured" in note and "expected 12 pairs" in note for note in report.notes)
    assert report.output.name in work.published()
