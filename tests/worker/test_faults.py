"""Any process dies at any second, and it is run again: the same names, nothing twice, every frame exactly once."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from encoding_contract.command import Verb
from encoding_contract.errors import ExitCode
from encoding_contract.profile import Profile
from encoding_worker.scratch import scratch_folder
from tests.worker import standin
from tests.worker.films import FilmShelf
from tests.worker.looks import check_frames, check_sound
from tests.worker.work import Ended, Work

MakeWork = Callable[..., Work]
WAIT_S = 60


@pytest.fixture
def whole(quick: Profile) -> Profile:
    """In one piece, so that an encode takes as long as the film."""
    return quick.model_copy(update={"chunk_s": 0.0})


class Running:
    """A verb as a real program, stopped in the middle of its encoder's work."""

    def __init__(self, work: Work, ffmpeg: str) -> None:
        self.work = work
        self.process = subprocess.Popen(
            work.command(Verb.ENCODE, 0),
            env=work.environment(IMAGEIO_FFMPEG_EXE=ffmpeg),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def await_encoder(self) -> psutil.Process:
        """Wait until the encoder works, and return its process."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "it ended too early"
            for child in psutil.Process(self.process.pid).children():
                with suppress(psutil.NoSuchProcess):  # ffmpeg is asked for its version, which is over at once
                    if "libx264" in child.cmdline() and self._has_begun(child):
                        return child
            time.sleep(0.05)
        raise AssertionError(f"no encoder within {WAIT_S} s")

    def _has_begun(self, child: psutil.Process) -> bool:
        return "python" in child.exe() or any(self.work.scratch.glob("*/chunk-*.framecrc"))

    def end(self) -> Ended:
        """Wait for its end."""
        _, error = self.process.communicate(timeout=WAIT_S)
        return Ended(self.process.returncode, error, sorted(path.name for path in self.work.scratch.iterdir()))


def test_an_encode_that_was_killed_is_done_again_from_its_start(
    films: FilmShelf, whole: Profile, make_work: MakeWork, tmp_path: Path
) -> None:
    work = make_work(films["plain.mp4"], whole)
    work.split()
    before = work.generations()
    running = Running(work, standin.write_standin(tmp_path / "ffmpeg", standin.SLOW))
    running.await_encoder()
    os.killpg(running.process.pid, signal.SIGKILL)
    assert running.end().status == -signal.SIGKILL
    assert work.generations() == before
    ended = work.run(Verb.ENCODE, 0)
    assert (ended.status, ended.error) == (0, "")
    work.encode_audio()
    work.merge()
    check_frames(work.film, work.fetch_output())
    check_sound(work.film, work.fetch_output())


def test_a_worker_that_was_killed_takes_its_encoder_with_it_and_the_next_one_removes_its_scratch(
    films: FilmShelf, whole: Profile, make_work: MakeWork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = make_work(films["plain.mp4"], whole)
    work.split()
    running = Running(work, standin.write_standin(tmp_path / "ffmpeg", standin.SLOW))
    encoder = running.await_encoder()
    running.process.kill()
    assert len(running.end().scratch) == 1
    psutil.wait_procs([encoder], timeout=10)
    assert not encoder.is_running()
    monkeypatch.setattr(tempfile, "tempdir", str(work.scratch))
    with scratch_folder() as live:
        assert work.run(Verb.ENCODE, 0).scratch == [live.name]
    assert list(work.scratch.iterdir()) == []


@pytest.mark.parametrize("behaviour", [standin.SLOW, standin.STUBBORN], ids=["working", "deaf"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_encoder_and_leaves_nothing(
    films: FilmShelf, whole: Profile, make_work: MakeWork, tmp_path: Path, number: signal.Signals, behaviour: str
) -> None:
    work = make_work(films["plain.mp4"], whole)
    work.split()
    before = work.generations()
    running = Running(work, standin.write_standin(tmp_path / "ffmpeg", behaviour))
    encoder = running.await_encoder()
    asked = time.monotonic()
    running.process.send_signal(number)
    ended = running.end()
    assert time.monotonic() - asked < 20  # Kubernetes waits for 30 s
    work.check_refused(ended, ExitCode.TRANSIENT, f"stopped by {number.name}; it is tried again")
    assert not encoder.is_running() or encoder.status() == psutil.STATUS_ZOMBIE
    assert work.generations() == before


def test_an_encoder_that_hangs_is_stopped(
    films: FilmShelf, whole: Profile, make_work: MakeWork, tmp_path: Path
) -> None:
    work = make_work(films["plain.mp4"], whole)
    work.split()
    hanging = standin.write_standin(tmp_path / "ffmpeg", standin.HANGING)
    ended = work.run(Verb.ENCODE, 0, IMAGEIO_FFMPEG_EXE=hanging, MAPREEL_STALL_S="1")
    message = "ffmpeg made no frame for 1 s and was stopped at frame 0; it is tried again; command: ffmpeg "
    work.check_refused(ended, ExitCode.TRANSIENT, f"job {work.job.id} chunk 0 (frames 0 to 149): ", message, "libx264")


def test_an_encoder_that_fails_says_how(films: FilmShelf, whole: Profile, make_work: MakeWork, tmp_path: Path) -> None:
    work = make_work(films["plain.mp4"], whole)
    work.split()
    broken = standin.write_standin(tmp_path / "ffmpeg", standin.BROKEN)
    ended = work.run(Verb.ENCODE, 0, IMAGEIO_FFMPEG_EXE=broken)
    parts = (f"job {work.job.id} chunk 0", "exit code 3", "the disk is | on fire", "command: ffmpeg ")
    work.check_refused(ended, ExitCode.TRANSIENT, *parts)


@pytest.mark.parametrize("behaviour", [standin.KILLED_AT_LOOK, standin.KILLED_AT_PIECE], ids=["look", "piece"])
def test_an_ffmpeg_that_is_killed_says_nothing_of_the_source(
    films: FilmShelf, quick: Profile, make_work: MakeWork, tmp_path: Path, behaviour: str
) -> None:
    work = make_work(films["plain.mp4"], quick)
    killed = standin.write_standin(tmp_path / "ffmpeg", behaviour)
    ended = work.run(Verb.SPLIT, IMAGEIO_FFMPEG_EXE=killed)
    work.check_refused(
        ended, ExitCode.TRANSIENT, "ffmpeg was killed from outside by signal SIGKILL", "it is tried again"
    )
    assert not work.blob(work.objects.plan).exists()


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [(standin.KILLED_IN_SOUND, ExitCode.TRANSIENT.value), (standin.KILLS_WORKER_IN_SOUND, -signal.SIGKILL)],
    ids=["ffmpeg", "worker"],
)
def test_half_a_sound_is_never_stored(
    films: FilmShelf, whole: Profile, make_work: MakeWork, tmp_path: Path, behaviour: str, status: int
) -> None:
    work = make_work(films["plain.mp4"], whole)
    work.split()
    before = work.generations()
    killed = standin.write_standin(tmp_path / "ffmpeg", behaviour)
    ended = work.run(Verb.ENCODE_AUDIO, IMAGEIO_FFMPEG_EXE=killed)
    assert ended.status == status, ended.error
    assert work.generations() == before
    ended = work.run(Verb.ENCODE_AUDIO)
    assert (ended.status, ended.error) == (0, "")
    work.encode(0)
    work.merge()
    check_sound(work.film, work.fetch_output())


def test_an_encoder_that_loses_frames_is_refused(
    films: FilmShelf, whole: Profile, make_work: MakeWork, tmp_path: Path
) -> None:
    work = make_work(films["plain.mp4"], whole)
    work.split()
    before = work.generations()
    lossy = standin.write_standin(tmp_path / "ffmpeg", standin.LOSSY)
    ended = work.run(Verb.ENCODE, 0, IMAGEIO_FFMPEG_EXE=lossy)
    work.check_refused(ended, ExitCode.TRANSIENT, f"job {work.job.id} chunk 0", "20 came out; it is tried again")
    assert "150 frames went into the encoder" in ended.error
    assert work.generations() == before


@pytest.mark.parametrize("verb", [Verb.SPLIT, Verb.ENCODE])
def test_without_ffmpeg_it_says_what_to_install(
    films: FilmShelf, whole: Profile, make_work: MakeWork, tmp_path: Path, verb: Verb
) -> None:
    work = make_work(films["plain.mp4"], whole)
    if verb is Verb.ENCODE:
        work.split()
    ended = work.run(verb, 0 if verb is Verb.ENCODE else None, IMAGEIO_FFMPEG_EXE=str(tmp_path / "no-such-ffmpeg"))
    parts = ("no ffmpeg program that runs", "no-such-ffmpeg", "install the locked requirements (imageio-ffmpeg)")
    work.check_refused(ended, ExitCode.INCOMPATIBLE, *parts)


@pytest.mark.parametrize(
    ("behaviour", "found"), [(standin.OLD, "ffmpeg version 4.4.1"), (standin.SOMETHING_ELSE, "hello")]
)
def test_an_ffmpeg_that_is_too_old_is_named(
    films: FilmShelf, whole: Profile, make_work: MakeWork, tmp_path: Path, behaviour: str, found: str
) -> None:
    work = make_work(films["plain.mp4"], whole)
    old = standin.write_standin(tmp_path / "ffmpeg", behaviour)
    ended = work.run(Verb.SPLIT, IMAGEIO_FFMPEG_EXE=old)
    work.check_refused(ended, ExitCode.INCOMPATIBLE, old, "expected ffmpeg 7 or later", found)
