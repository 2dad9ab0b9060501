"""A mean bit rate: two passes over each chunk, and the film's bits shared out by complexity."""

from collections.abc import Callable

import av
import pytest

from encoding_contract.profile import VideoCodec
from tests.corpus import load_profile
from tests.worker.films import FilmShelf
from tests.worker.work import Work

MakeWork = Callable[..., Work]

KBPS = 10
"""Little for the film, so that the encoders must hold back."""


@pytest.mark.parametrize("codec", [VideoCodec.X264, VideoCodec.X265, VideoCodec.VP9])
def test_two_passes_meet_the_bit_rate(codec: VideoCodec, films: FilmShelf, make_work: MakeWork) -> None:
    preset = {"deadline": "good", "cpu-used": "6"} if codec is VideoCodec.VP9 else {}
    overrides = {"codec": codec.value, "bitrate_kbps": KBPS, "preset": None if preset else "fast", "options": preset}
    work = make_work(films["plain.mp4"], load_profile("h264-1080p", {"chunk_s": 2, "video": overrides}))
    work.finish_chunks()
    report = work.merge()
    passes = [command for command in report.commands if "framecrc" in command]
    assert len(passes) == 2 * len(report.chunks)
    with av.open(str(work.fetch_output())) as film:
        sizes = [packet.size for packet in film.demux(video=0) if packet.size]
    assert len(sizes) == report.frames == 150
    bits = 8 * sum(sizes)
    assert bits / (report.duration_us / 1000) == pytest.approx(KBPS, rel=0.4)
