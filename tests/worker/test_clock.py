"""Films whose clock starts again in the middle: recordings that somebody put one behind another."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from encoding_contract.plan import ClockJump, CutMethod, SourceStream, StreamKind
from encoding_contract.profile import Profile
from encoding_worker.clock import ClockShift, FilmClock, clock_options
from encoding_worker.reference import decode_frames
from tests.corpus import encode_film, load_profile
from tests.worker.films import CLOSED_GOP, H264, SOUND, FilmShelf, run_ffmpeg
from tests.worker.looks import listen, look_at_frames
from tests.worker.work import Work

PICTURE, TONE = 0, 1
RECORDING_S = 3


def record(film: Path, sound_s: float, path: Path) -> bytes:
    """Return 3 s of a film with a sound that is longer or shorter; every recording begins at the same time."""
    sound = ("-f", "lavfi", "-i", SOUND.format(seconds=sound_s))
    run_ffmpeg(
        *("-t", str(RECORDING_S), "-i", str(film), *sound, "-map", "0:v", "-map", "1:a"),
        *(*H264, "-x264-params", CLOSED_GOP, "-c:a", "mp2", f"file:{path}"),
    )
    return path.read_bytes()


@pytest.mark.usefixtures("buckets")
@pytest.mark.parametrize("codec", ["aac", "copy"])
def test_sound_stays_with_its_picture_in_every_recording(films: FilmShelf, codec: str, tmp_path: Path) -> None:
    short = record(films["plain.mp4"], 2.4, tmp_path / "short.ts")
    long = record(films["plain.mp4"], 3.3, tmp_path / "long.ts")
    film = tmp_path / "recordings.ts"
    film.write_bytes(short + long + short + long + short)
    profile = load_profile(
        "h264-1080p",
        {
            "chunk_s": 4,
            "video": {"preset": "ultrafast", "crf": 16},
            "audio": {"codec": codec, "bitrate_kbps": 96 if codec == "aac" else None},
        },
    )

    line = encode_film(film, profile, tmp_path / "out.mkv")

    assert line["outcome"] == "encoded", line["error"]
    shown = look_at_frames(tmp_path / "out.mkv")
    assert [frame.number for frame in shown] == list(range(75)) * 5
    times = [float(frame.time or 0) for frame in shown]
    assert [round(time - times[0], 2) for time in times] == [round(number * 0.04, 2) for number in range(375)]
    # A tone at each full second of a recording: beside its frames 0, 25 and 50. The first one of a copied sound lies
    # under the end of a longer one before it.
    wanted = [times[number] for number in range(0, 375, 25) if codec == "aac" or number % 75]
    heard = listen_as_timed(tmp_path / "out.mkv")
    near = [min(abs(tone - time) for tone in heard) for time in wanted]
    assert max(near) < 0.03, near


def listen_as_timed(path: Path) -> list[float]:
    """Return when tones begin, by the times of the packets: a copied track has holes."""
    filled = path.with_suffix(".wav")
    laid_out = "aresample=async=1:min_hard_comp=0.01:first_pts=0"
    run_ffmpeg("-copyts", "-i", f"file:{path}", "-map", "0:a", "-af", laid_out, str(filled))
    return listen(filled).onsets


@pytest.mark.usefixtures("buckets")
def test_recordings_that_begin_with_an_open_gop_follow_each_other_evenly(
    films: FilmShelf, quick: Profile, tmp_path: Path
) -> None:
    whole, late = tmp_path / "whole.ts", tmp_path / "late.ts"
    run_ffmpeg(
        "-i", f"file:{films['plain.mp4']}", *("-c:v", "mpeg2video", "-q:v", "2", "-g", "12", "-bf", "2"), str(whole)
    )
    run_ffmpeg("-ss", "2.5", "-i", f"file:{whole}", "-c", "copy", str(late))
    film = tmp_path / "evenly.ts"
    film.write_bytes(late.read_bytes() * 3)

    line = encode_film(film, quick, tmp_path / "out.mkv")

    assert line["outcome"] == "encoded", line["error"]
    assert line["report"]["damage"] == []
    times = [frame.time or 0 for frame in look_at_frames(tmp_path / "out.mkv")]
    assert {round(float(b - a), 2) for a, b in pairwise(times)} == {0.04}


def test_many_recordings_are_one_film(quick: Profile, make_work: Callable[..., Work], tmp_path: Path) -> None:
    """More than one sum of ffmpeg's expressions takes."""
    run_ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x36:r=25:d=1", "-f", "lavfi", "-i", "sine=f=500:d=1"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "mp2", str(tmp_path / "one.ts")),
    )
    (tmp_path / "many.ts").write_bytes((tmp_path / "one.ts").read_bytes() * 120)

    plan = make_work(tmp_path / "many.ts", quick).split()

    (track,) = plan.tracks
    assert (track.frames, track.end_pts - track.first_pts) == (3000, 120 * 90_000)
    assert (track.cut, track.cut_reason) == (CutMethod.PTS, "")
    assert len(plan.chunks) == 60
    assert all(chunk.piece for chunk in plan.chunks)
    assert [len(stream.clock_jumps) for stream in plan.streams] == [119, 119]


def test_the_longest_list_of_jumps_is_taken_by_ffmpeg(films: FilmShelf) -> None:
    jumps = tuple(ClockJump(position=10**12 + number, shift=number * 10**10) for number in range(1400))
    stream = SourceStream(index=0, kind=StreamKind.VIDEO, codec="h264", clock_jumps=jumps)
    url = f"file:{films['plain.mp4']}"
    plain = decode_frames(url, 0, Fraction(1, 12_800), "plain")
    assert decode_frames(url, 0, Fraction(1, 12_800), "shifted", reading=clock_options([stream])) == plain


class Tape:
    """Packets of a picture and a sound, of a tick of a second each, and the clock that takes them."""

    def __init__(self) -> None:
        self.clock = FilmClock({PICTURE: Fraction(1), TONE: Fraction(1)}, PICTURE)
        self._position = 0

    def take(self, stream: int, time: int | None, decoded: int | None = -1) -> int | None:
        """Take the next packet, which lies ten bytes behind the last one; return its time by the film's clock."""
        decoded = time if decoded == -1 else decoded
        packet: Any = SimpleNamespace(
            stream=SimpleNamespace(index=stream), pts=time, dts=decoded, duration=1, pos=self._position
        )
        self._position += 10
        at = self.clock.take(packet)
        return None if at is None else at // 1_000_000_000

    def rewind(self, number: int) -> None:
        """Have the next packet lie so many bytes nearer to the beginning."""
        self._position -= number

    def jumps(self, stream: int) -> list[tuple[int, int]]:
        return [(jump.position, jump.shift) for jump in self.clock.jumps_of(stream, Fraction(1)) or ()]


def test_the_sound_follows_the_picture_whichever_comes_first() -> None:
    tape = Tape()
    for time in (100, 101, 102):
        tape.take(PICTURE, time)
        tape.take(TONE, time)
    # The picture is a second longer; the next recording's first packet is the sound's.
    tape.take(PICTURE, 103)
    tape.take(TONE, 5)
    assert tape.take(PICTURE, 5) == 104
    assert tape.take(TONE, 6) == 105
    assert tape.take(PICTURE, 6) == 105
    assert tape.jumps(PICTURE) == [(80, 99)]
    assert tape.jumps(TONE) == [(70, 99)]


def test_pictures_of_an_open_gop_are_shown_after_the_recording_before() -> None:
    tape = Tape()
    for time in (100, 101, 102):
        tape.take(PICTURE, time)
    tape.take(PICTURE, 12, decoded=9)
    tape.take(TONE, 10)
    assert [tape.take(PICTURE, 10), tape.take(PICTURE, 11), tape.take(PICTURE, 15, decoded=12)] == [103, 104, 108]
    assert tape.take(TONE, 11) == 104
    assert tape.jumps(PICTURE) == [(30, 93)]
    assert tape.jumps(TONE) == [(40, 93)]


def test_a_recording_that_is_reordered_deeper_waits_for_the_one_before() -> None:
    shift = ClockShift([ClockJump(position=20, shift=95)])
    seen = []
    for position, pts, dts in ((0, 100, 100), (10, 101, 101), (20, 7, 4), (None, 8, 5), (40, None, None), (50, 10, 8)):
        packet: Any = SimpleNamespace(pos=position, pts=pts, dts=dts)
        shift.take(packet)
        seen.append((packet.pts, packet.dts))
    assert seen == [(100, 100), (101, 101), (102, 101), (103, 101), (None, None), (105, 103)]


def test_a_sound_that_lies_behind_the_border_keeps_the_clock_that_it_had() -> None:
    tape = Tape()
    for time in (100, 101, 102):
        tape.take(PICTURE, time)
    assert [tape.take(TONE, 100), tape.take(PICTURE, 7), tape.take(TONE, 101)] == [100, 103, 101]
    assert [tape.take(PICTURE, 8), tape.take(TONE, 102), tape.take(TONE, 7)] == [104, 102, 103]


def test_a_short_sound_of_the_recording_before_hides_no_border() -> None:
    tape = Tape()
    tape.take(PICTURE, 1)
    tape.take(TONE, 1)
    for time in range(2, 50):
        tape.take(PICTURE, time)
    tape.take(PICTURE, 1)
    assert tape.take(TONE, 2) == 51  # later than the sound's last packet by the source's own clock, too


def test_a_sound_that_falls_back_alone_goes_on_and_the_picture_stays() -> None:
    tape = Tape()
    for time in range(5):
        tape.take(PICTURE, time)
        tape.take(TONE, time)
    assert [tape.take(TONE, 0), tape.take(PICTURE, 5), tape.take(TONE, 1)] == [5, 5, 6]
    assert tape.jumps(PICTURE) == []


def test_frames_without_a_decoding_time_that_are_shown_out_of_order_are_no_jump() -> None:
    tape = Tape()
    assert [tape.take(PICTURE, time, decoded=None) for time in (0, 4, 2, 1, 3, 8)] == [0, 4, 2, 1, 3, 8]


def test_a_jump_that_no_byte_tells_is_left_alone() -> None:
    """Of chained Ogg, the first packet of a recording has the time of the last one's end."""
    tape = Tape()
    for time in (0, 1, 2):
        tape.take(PICTURE, time)
    tape.take(PICTURE, 3)
    tape.rewind(10)
    tape.take(PICTURE, 0)
    assert tape.clock.jumps_of(PICTURE, Fraction(1)) is None


def test_a_film_that_jumps_all_the_time_has_no_clock() -> None:
    tape = Tape()
    for time in range(4000):
        tape.take(PICTURE, time % 2 * 9)
    assert tape.clock.jumps_of(PICTURE, Fraction(1)) is None
    assert tape.clock.jumps_of(TONE, Fraction(1)) == ()


def test_a_hole_is_no_jump_and_what_has_no_time_none_either() -> None:
    tape = Tape()
    assert [tape.take(PICTURE, time) for time in (0, 1, 90, None, 91)] == [0, 1, 90, None, 91]
    assert tape.jumps(PICTURE) == []
    assert clock_options([SourceStream(index=0, kind=StreamKind.VIDEO, codec="h264")]) == {}
