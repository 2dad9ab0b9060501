"""When a sound's timestamps are believed, and sounds of more channels than most codecs hold."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from encoding_contract.profile import Profile
from encoding_worker.sounds import SoundClock
from tests.corpus import encode_film, load_profile
from tests.worker.films import FilmShelf, run_ffmpeg
from tests.worker.looks import listen, look_at_frames, open_film

MS = 1_000_000
PACKET = 1_000_000_000 * 1024 // 48_000


def is_believed(starts: Iterable[int]) -> bool:
    clock = SoundClock()
    for start in starts:
        clock.take(start, PACKET)
    return clock.is_usable


def test_times_that_jitter_are_believed() -> None:
    random = Random(1)
    times = [number * PACKET + random.randint(-8, 8) * MS for number in range(3000)]
    assert is_believed(times)
    assert is_believed(times[:1000] + times[1200:])


def test_recordings_that_overlap_a_little_are_believed_however_many() -> None:
    assert is_believed(number * PACKET - number // 190 * 20 * MS for number in range(100_000))


def test_times_that_stand_or_crawl_are_not_believed() -> None:
    assert not is_believed([0] * 80)
    assert not is_believed(number * PACKET // 2 for number in range(1000))


@pytest.mark.usefixtures("buckets")
@pytest.mark.parametrize(("jitter_ms", "lost"), [(0, 1), (6, 40)])
def test_sound_behind_lost_packets_is_heard_beside_its_picture(
    films: FilmShelf, quick: Profile, jitter_ms: int, lost: int, tmp_path: Path
) -> None:
    """One lost packet is 21 ms, and 40 among jittering ones are 0.85 s."""
    source = tmp_path / "lossy.mkv"
    drop = f"noise=drop=between(n\\,60\\,{59 + lost})"
    jitter = f"setts=ts=TS+(random(0)-0.5)*{2 * jitter_ms / 1000}/TB"
    run_ffmpeg("-i", str(films["plain.mp4"]), "-c", "copy", "-bsf:a", f"{drop},{jitter}", str(source))

    line = encode_film(source, quick, tmp_path / "out.mkv")

    assert line["outcome"] == "encoded", line["error"]
    before, after = look_at_frames(films["plain.mp4"])[0].time, look_at_frames(tmp_path / "out.mkv")[0].time
    wanted = [tone - float(before or 0) for tone in listen(films["plain.mp4"]).onsets]
    heard = [tone - float(after or 0) for tone in listen(tmp_path / "out.mkv").onsets]
    late = [min((tone - time for tone in heard), key=abs) for time in wanted]
    assert all(abs(each) < 0.004 + 2 * jitter_ms / 1000 for each in late[3:]), late


@pytest.mark.usefixtures("buckets")
@pytest.mark.parametrize(
    ("profile", "overrides", "codec"),
    [
        ("h264-1080p", {}, "opus"),
        ("h264-1080p", {"container": "mp4", "audio": {"codec": "libopus"}}, "opus"),
        ("h264-1080p", {"audio": {"codec": "flac", "bitrate_kbps": None}}, "pcm_s16le"),
        ("h264-1080p", {"container": "mp4", "audio": {"codec": "copy", "bitrate_kbps": None}}, "opus"),
        ("vp9-720p-webm", {"video": {"options": {"deadline": "realtime", "cpu-used": 8}}}, "opus"),
    ],
)
def test_every_one_of_sixteen_channels_arrives(
    films: FilmShelf, profile: str, overrides: dict[str, Any], codec: str, tmp_path: Path
) -> None:
    # Each channel is louder than the one before.
    tones = "|".join(f"{level / 20}*sin(2*PI*1000*t)" for level in range(1, 17))
    source = tmp_path / "studio.mov"
    run_ffmpeg(
        *("-i", str(films["silent.mp4"]), "-f", "lavfi", "-i", f"aevalsrc={tones}:s=48000:d=6"),
        *("-c:v", "copy", "-c:a", "pcm_s16le", str(source)),
    )

    line = encode_film(source, load_profile(profile, {"chunk_s": 3, **overrides}), tmp_path / "out")

    assert line["outcome"] == "encoded", line["error"]
    with open_film(tmp_path / "out") as film:
        track = film.streams.audio[0]
        assert (track.codec_context.name, track.codec_context.channels) == (codec, 16)
    # By ffmpeg: PyAV reads past the end of a frame of more than eight planes.
    run_ffmpeg("-i", str(tmp_path / "out"), "-map", "0:a", "-f", "s16le", str(tmp_path / "samples"))
    samples = array("h", (tmp_path / "samples").read_bytes())
    levels = [max(map(abs, samples[channel + 16 * 48_000 : 32 * 48_000 : 16])) for channel in range(16)]
    assert levels == sorted(levels)
    assert levels[15] / levels[0] == pytest.approx(16, rel=0.15)
