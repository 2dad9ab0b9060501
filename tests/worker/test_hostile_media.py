"""Media that asks for too much, or for what is not its own, is refused in one line, in bounded time and memory."""

from __future__ import annotations

import http.server
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import psutil
import pytest

from encoding_contract.command import Verb
from encoding_contract.errors import ExitCode, UnreadableSource
from encoding_contract.profile import Profile
from tests.worker.films import SOUND, FilmShelf, run_ffmpeg
from tests.worker.hostile_media import add_attachments, add_chapters, alias, full_box, retime, track, write_mov
from tests.worker.work import Work

MakeWork = Callable[..., Work]
Recipe = Callable[[Path, FilmShelf], None]

PATTERN = "testsrc2=size=160x96:rate=25:duration=2"


def make_still(path: Path) -> Path:
    """A film without reordered frames, and its sound."""
    film = path.with_suffix(".avi")
    sources = ("-f", "lavfi", "-i", PATTERN, "-f", "lavfi", "-i", SOUND.format(seconds=2))
    run_ffmpeg(*sources, "-c:v", "mpeg4", "-g", "1", "-c:a", "pcm_s16le", f"file:{film}")
    return film


def make_many_streams(path: Path, films: FilmShelf) -> None:
    write_mov(path, *[track() for _ in range(5000)])


def make_many_sounds(path: Path, films: FilmShelf) -> None:
    run_ffmpeg("-i", str(films["plain.mp4"]), "-map", "0:v", *(("-map", "0:a") * 40), "-c", "copy", "-f", "matroska",
               f"file:{path}")  # fmt: skip


def make_many_chapters(path: Path, films: FilmShelf) -> None:
    add_chapters(films["plain.mp4"], path, 20_000)


def make_index_bomb(path: Path, films: FilmShelf) -> None:
    # An edit list of 40 KB that shows 10,000 samples 3,000 times over: an index of 700 MB.
    write_mov(path, track(samples=10_000, edits=[(10_000, 0)] * 3_000))


def make_large_attachments(path: Path, films: FilmShelf) -> None:
    add_attachments(films["plain.mp4"], path, 8, 16 << 20)


def make_large_picture(path: Path, films: FilmShelf) -> None:
    run_ffmpeg("-f", "lavfi", "-i", "color=size=16384x9216:rate=1:duration=1", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p",
               "-f", "matroska", f"file:{path}")  # fmt: skip


def make_largest_picture(path: Path, films: FilmShelf) -> None:
    write_mov(path, track(width=65535, height=65535))


def make_late_frame(path: Path, films: FilmShelf) -> None:
    retime(make_still(path), path, "video", lambda n: n * 40 if n < 40 else 2**55 + n, Fraction(1, 1000))


def make_late_sound(path: Path, films: FilmShelf) -> None:
    # Silence would be put into the hole: years of it.
    retime(make_still(path), path, "audio", lambda n: n * 20 if n < 40 else 10**12 + n * 20, Fraction(1, 1000))


def make_many_channels(path: Path, films: FilmShelf) -> None:
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 2**31, b"WAVE", b"fmt ", 16, 1, 255, 8000, 8000 * 510, 510, 16)
    sound = path.with_suffix(".wav")
    sound.write_bytes(head + struct.pack("<4sI", b"data", 8000 * 510) + bytes(8000 * 510))
    run_ffmpeg("-i", str(films["silent.mp4"]), "-i", str(sound), "-c", "copy", "-f", "matroska", f"file:{path}")


@pytest.mark.parametrize(
    ("make", "parts", "settings"),
    [
        (make_many_streams, ("is no video that ffmpeg can read",), {}),
        (make_many_sounds, ("has 41 streams, more than the 40", "MAPREEL_LIMIT_STREAMS"), {"STREAMS": "40"}),
        (make_many_chapters, ("has 20000 chapters, more than the 10000", "MAPREEL_LIMIT_CHAPTERS"), {}),
        (make_index_bomb, ("took more than 200 MiB of memory", "MAPREEL_LIMIT_LOOK_MIB"), {"LOOK_MIB": "200"}),
        (make_large_attachments, ("took more than 90 MiB of memory",), {"LOOK_MIB": "90"}),
        (make_large_picture, ("pictures of 16384x9216 have 150994944 pixels", "MAPREEL_LIMIT_PIXELS"), {}),
        (make_largest_picture, ("remove it, or",), {}),
        (make_late_frame, ("video stream 0 has timestamps that span", "MAPREEL_LIMIT_SPAN_S"), {}),
        (make_late_sound, ("audio stream 1 has timestamps that span", "MAPREEL_LIMIT_SPAN_S"), {}),
        (make_many_channels, ("audio stream 1 has 255 channels, more than the 64",), {}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_asks_for_too_much_is_refused_at_once(
    make: Recipe,
    parts: tuple[str, ...],
    settings: dict[str, str],
    films: FilmShelf,
    quick: Profile,
    make_work: MakeWork,
    tmp_path: Path,
) -> None:
    film = tmp_path / "film.mkv"
    make(film, films)
    work = make_work(film, quick)
    before = work.generations()
    with memory_peak() as peak:
        ended = work.run(Verb.SPLIT, **{f"MAPREEL_LIMIT_{name}": value for name, value in settings.items()})
    work.check_refused(ended, ExitCode.BAD_INPUT, work.job.source.address.url, *parts)
    assert work.generations() == before
    assert peak.mib < 1200


class Peak:
    mib = 0


@contextmanager
def memory_peak() -> Iterator[Peak]:
    """Watch the memory of all children of this process."""
    peak, is_over = Peak(), threading.Event()

    def watch() -> None:
        while not is_over.wait(0.05):
            held = 0
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    held += 0 if "gcs" in child.name() else child.memory_info().rss >> 20
            peak.mib = max(peak.mib, held)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        is_over.set()
        thread.join()


def test_a_film_below_the_limits_passes_them(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    work = make_work(films["many tracks.mkv"], quick)
    limits = {"STREAMS": "6", "CHAPTERS": "2", "PIXELS": "32000", "SPAN_S": "6", "FRAMES": "300"}
    ended = work.run(Verb.SPLIT, **{f"MAPREEL_LIMIT_{name}": value for name, value in limits.items()})
    assert (ended.status, ended.error) == (0, "")


def test_a_film_of_more_frames_than_allowed_is_refused(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    work = make_work(films["silent.mp4"], quick)
    ended = work.run(Verb.SPLIT, MAPREEL_LIMIT_FRAMES="100")
    work.check_refused(ended, ExitCode.BAD_INPUT, "video stream 0 has 101 packets, more than the 100")


def test_a_first_look_that_takes_too_long_is_refused(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    work = make_work(films["silent.mp4"], quick)
    ended = work.run(Verb.SPLIT, MAPREEL_LIMIT_LOOK_S="0.000001")
    work.check_refused(ended, ExitCode.BAD_INPUT, "took more than 1e-06 s to find out what it is", "LOOK_S")


@pytest.fixture
def tempting(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """An address that nobody may ask for, and who asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


SCRIPTS = {
    "playlist.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}/film.ts\n#EXT-X-ENDLIST\n",
    "master.m3u8": '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{url}/low.m3u8\n#EXT-X-MEDIA:TYPE=AUDIO,URI="{url}/a"\n',
    "local.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{film}\n#EXT-X-ENDLIST\n",
    "list.ffconcat": "ffconcat version 1.0\nfile '{film}'\n",
    "list.txt": "file '{film}'\nfile {url}/film.mp4\n",
    "manifest.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
    '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{url}/film.mp4</BaseURL>'
    '<SegmentBase indexRange="0-1"/></Representation></AdaptationSet></Period></MPD>',
    "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "address.rtsp": "[Reference]\nRef1={url}/film.asf\n",
    "play.asx": '<asx version="3.0"><entry><ref href="{url}/film.asf"/></entry></asx>',
    "play.pls": "[playlist]\nFile1={url}/film.mp4\nNumberOfEntries=1\n",
    "sound.cue": 'FILE "{film}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
    "subfile": "subfile,,start,0,end,0,,:{film}",
    "captions.idx": "# VobSub index file, v7 (do not modify this line!)\nsize: 720x576\n",
    "drawing.svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}/film.png"/></svg>',
    "tags.ffmeta": ";FFMETADATA1\ntitle=x\n",
    "asset.cpl": '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016"/>',
    "words.srt": "1\n00:00:00,500 --> 00:00:01,500\n<img src='{url}/a.png'>\n",
    "screen.ans": "\x1b[2J\x1b[31mno film at all\n",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_opens_nothing_and_is_refused(
    name: str,
    tempting: tuple[str, list[str]],
    films: FilmShelf,
    quick: Profile,
    make_work: MakeWork,
    tmp_path: Path,
) -> None:
    url, asked = tempting
    script = tmp_path / name
    script.write_text(SCRIPTS[name].format(url=url, film=films["plain.mp4"]))
    work = make_work(script, quick)
    with pytest.raises(UnreadableSource, match="upload it again"):
        work.split()
    assert asked == []


@pytest.mark.parametrize("kind", ["alias", "address"])
def test_a_film_whose_frames_lie_elsewhere_is_refused(
    kind: str, tempting: tuple[str, list[str]], films: FilmShelf, quick: Profile, make_work: MakeWork, tmp_path: Path
) -> None:
    url, asked = tempting
    lure = tmp_path / "private"
    lure.write_bytes(b"\xaa" * 160 * 96 * 3)
    opened = lure.stat().st_atime_ns
    target = alias(str(lure)) if kind == "alias" else full_box(b"url ", f"{url}/film".encode() + b"\0")
    film = tmp_path / "film.mov"
    write_mov(film, track(reference=target))
    work = make_work(film, quick)
    work.check_refused(work.run(Verb.SPLIT), ExitCode.BAD_INPUT, work.job.source.address.url, "upload it again")
    assert asked == []
    assert lure.stat().st_atime_ns == opened


@pytest.mark.parametrize("rate", ["1000", "1/60", "1000000/1001"])
def test_an_odd_frame_rate_is_kept_or_refused_by_name(
    rate: str, quick: Profile, make_work: MakeWork, tmp_path: Path
) -> None:
    film = tmp_path / "film.mkv"
    run_ffmpeg("-f", "lavfi", "-i", f"testsrc2=size=160x96:rate={rate}", "-frames:v", "40", "-c:v", "ffv1",
               "-fps_mode", "passthrough", "-f", "nut", f"file:{film}")  # fmt: skip
    work = make_work(film, quick)
    ended = work.run(Verb.SPLIT)
    if ended.status == 0:
        ended = work.run(Verb.MERGE)
    if ended.status:
        work.check_refused(ended, ExitCode.BAD_INPUT)
    else:
        assert any(name.endswith("film.mkv.mkv") for name in work.published())


@pytest.mark.parametrize("length", [10, 100, 1000])
def test_a_truncated_head_is_refused(
    length: int, films: FilmShelf, quick: Profile, make_work: MakeWork, tmp_path: Path
) -> None:
    film = tmp_path / "film.mkv"
    film.write_bytes(films["many tracks.mkv"].read_bytes()[:length] + b"\xff" * 64)
    with pytest.raises(UnreadableSource, match="upload it again"):
        make_work(film, quick).split()
