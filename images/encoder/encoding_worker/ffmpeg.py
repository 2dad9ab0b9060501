"""The ffmpeg program: finds it, refuses one that is too old, runs it, watches that it moves on.

ffmpeg comes from the wheel imageio-ffmpeg, so that a pod and a laptop run the same build.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import psutil

from encoding_contract.errors import EncoderFault, IncompatibleVersion, TransientFault
from encoding_contract.manifest import Timing
from encoding_worker import settings
from encoding_worker.interruption import interruption

logger = logging.getLogger(__name__)

OLDEST_MAJOR = 7
"""-enc_time_base demux, and the scheduler that feeds two outputs from one decoder without a deadlock."""

_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM)
_PROGRESS_EVERY_S = 10
_MESSAGES_KEPT = 5000
"""Lines of stderr: each stream, chapter and tag of a film is one."""
_VERSION = re.compile(r"ffmpeg version n?(\d+)\.(\S+)")


def find_ffmpeg() -> str:
    """Return the path of the ffmpeg program.

    Raises:
        IncompatibleVersion: there is none, or it is too old.
    """
    return _look_at_ffmpeg()[0]


def ffmpeg_version() -> str:
    """Return the version of the ffmpeg program, as it states it."""
    return _look_at_ffmpeg()[1]


@functools.cache
def _look_at_ffmpeg() -> tuple[str, str]:
    remedy = "install the locked requirements (imageio-ffmpeg), or unset IMAGEIO_FFMPEG_EXE"
    try:
        path: str = imageio_ffmpeg.get_ffmpeg_exe()
        banner = subprocess.run([path, "-version"], capture_output=True, text=True, check=True, timeout=60).stdout
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        raise IncompatibleVersion(f"no ffmpeg program that runs ({error}); {remedy}") from error
    match = _VERSION.match(banner)
    if match is None or int(match[1]) < OLDEST_MAJOR:
        found = banner.splitlines()[0][:80] if banner else "nothing"
        raise IncompatibleVersion(f"{path}: expected ffmpeg {OLDEST_MAJOR} or later, found {found!r}; {remedy}")
    return path, banner.split()[2]


def _leash() -> list[str]:
    """Return what makes the kernel kill a program when this process dies, however it dies.

    By util-linux's ``setpriv``, where there is one: Python's ``preexec_fn`` is not safe beside threads. In a pod, and
    in Airflow's local runtime, others end what is left; a worker that somebody runs by hand has nobody else.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


class Run:
    """A finished run of ffmpeg."""

    def __init__(self, command: list[str], stdout: bytes, messages: list[str], timing: Timing) -> None:
        self.command = quote(command)
        self.stdout = stdout
        self.messages = messages
        self.timing = timing


def quote(command: list[str]) -> str:
    """Return a command as a line that a shell would take, the program by its bare name."""
    return shlex.join(["ffmpeg", *command[1:]])


def run_ffmpeg(
    arguments: list[str],
    what: str,
    *,
    feed: Callable[[subprocess.Popen[bytes]], None] | None = None,
    keep_stdout: bool = False,
    frames: int = 0,
    cwd: Path | None = None,
    pipes: Sequence[int] = (),
    most_s: float | None = None,
    most_mib: float | None = None,
) -> Run:
    """Run ffmpeg to its end.

    Args:
        arguments: what follows the program's name; outputs that are no file go to ``pipe:1`` if ``keep_stdout``.
        what: what is being done, for messages: ``job 1f.. chunk 3``.
        feed: writes ffmpeg's standard input; runs in a thread of its own.
        keep_stdout: return what it writes to standard output, and take no progress from there.
        frames: how many frames are expected, for the progress line.
        cwd: the folder it runs in.
        pipes: file descriptors that it gets as they are, for outputs that go to ``pipe:N``.
        most_s: it is stopped after so many seconds.
        most_mib: it is stopped when it holds so much memory.

    Raises:
        FfmpegKilled: somebody else ended it.
        EncoderFault: it failed or stalled; carries the quoted command, the exit code and the last lines of stderr.
        BoundsPassed: it took more time or memory than it may.
    """
    # -nostdin: ffmpeg would else take a byte of standard input for a key press and stop.
    command = [find_ffmpeg(), *([] if feed else ["-nostdin"]), "-hide_banner", "-nostats", "-loglevel", "level+warning"]
    command += [] if keep_stdout else ["-progress", "pipe:1"]
    command += arguments
    logger.debug("%s: %s", what, quote(command))
    started = time.monotonic()
    process = subprocess.Popen(
        [*_leash(), *command],
        stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        pass_fds=pipes,
    )
    bounds = _Bounds(settings.stall_s(), most_s, most_mib)
    watch = _Watch(process, what, frames, bounds, reads_progress=not keep_stdout)
    with interruption.stops(process):
        stdout = watch.follow(feed)
    wall_s = time.monotonic() - started
    interruption.check()
    timing = Timing(wall_s=round(wall_s, 3), cpu_s=round(watch.cpu_s, 3))
    if watch.passed:
        raise BoundsPassed(f"{what}: ffmpeg {watch.passed}")
    if watch.stalled_s is not None:
        raise EncoderFault(
            f"{what}: ffmpeg made no frame for {watch.stalled_s:.0f} s and was stopped at frame {watch.frame}; "
            f"it is tried again; command: {quote(command)}"
        )
    if watch.feed_error is not None:
        raise watch.feed_error
    if -process.returncode in _FROM_OUTSIDE:
        raise FfmpegKilled(
            f"{what}: ffmpeg was killed from outside by {_ending(process.returncode)}, by hand or for want of memory; "
            f"it is tried again; command: {quote(command)}"
        )
    if process.returncode != 0:
        tail = " | ".join(list(watch.tail)[-6:]) or "it said nothing"
        raise FfmpegFailed(
            f"{what}: ffmpeg ended with {_ending(process.returncode)}: {tail}; command: {quote(command)}",
            list(watch.messages),
            process.returncode,
        )
    return Run(command, stdout, list(watch.messages), timing)


class FfmpegKilled(TransientFault):
    """ffmpeg was ended from outside, which says nothing of the source."""


class FfmpegFailed(EncoderFault):
    """ffmpeg ended with an error; whoever ran it may know that the source is the reason."""

    def __init__(self, message: str, messages: list[str], returncode: int) -> None:
        super().__init__(message)
        self.messages = messages
        self.returncode = returncode


class BoundsPassed(EncoderFault):
    """ffmpeg took more time or memory than it may, and was stopped."""


def _ending(returncode: int) -> str:
    return f"signal {signal.Signals(-returncode).name}" if returncode < 0 else f"exit code {returncode}"


@dataclass(frozen=True)
class _Bounds:
    stall_s: float
    most_s: float | None
    most_mib: float | None


class _Watch:
    """Reads all that an ffmpeg process says, and ends it when it stops making frames, or passes a bound."""

    def __init__(
        self, process: subprocess.Popen[bytes], what: str, frames: int, bounds: _Bounds, *, reads_progress: bool
    ) -> None:
        self.process = process
        self.what = what
        self.frames = frames
        self.bounds = bounds
        self.reads_progress = reads_progress
        self.passed = ""
        """Which bound was passed; empty where none was."""
        self.messages: deque[str] = deque(maxlen=_MESSAGES_KEPT)
        self.tail: deque[str] = deque(maxlen=20)
        self.frame = 0
        self.cpu_s = 0.0
        self.stalled_s: float | None = None
        self.feed_error: Exception | None = None
        self._started = self._moved_at = time.monotonic()

    def follow(self, feed: Callable[[subprocess.Popen[bytes]], None] | None) -> bytes:
        """Return the kept standard output, after the process has ended."""
        said = threading.Thread(target=self._read_stderr, daemon=True)
        threads = [said]
        if feed is not None:
            threads.append(threading.Thread(target=self._feed, args=(feed,), daemon=True))
        chunks: list[bytes] = []
        reader = self._read_progress if self.reads_progress else lambda: self._read_output(chunks)
        threads.append(threading.Thread(target=reader, daemon=True))
        for thread in threads:
            thread.start()
        measured = psutil.Process(self.process.pid)
        while True:
            self._note_cpu(measured)
            self._hold_to_bounds(measured)
            said.join(timeout=0.2)  # wakes up only when ffmpeg ends; Popen.wait would look twenty times a second
            if not said.is_alive():
                break
            self._end_when_stalled()
        self._note_cpu(measured)  # what has ended still tells, until it is waited for
        self.process.wait()
        for thread in threads:
            thread.join()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        return b"".join(chunks)

    def _note_cpu(self, measured: psutil.Process) -> None:
        with suppress(psutil.Error):
            times = measured.cpu_times()
            self.cpu_s = times.user + times.system

    def _hold_to_bounds(self, measured: psutil.Process) -> None:
        most_s, most_mib = self.bounds.most_s, self.bounds.most_mib
        held_mib = 0
        with suppress(psutil.Error):
            held_mib = measured.memory_info().rss >> 20
        if most_s is not None and time.monotonic() - self._started > most_s:
            self.passed = f"took more than {most_s:g} s"
        elif most_mib is not None and held_mib > most_mib:
            self.passed = f"took more than {most_mib:g} MiB of memory"
        if self.passed:
            self.process.kill()

    def _end_when_stalled(self) -> None:
        if self.stalled_s is None and time.monotonic() - self._moved_at > self.bounds.stall_s:
            self.stalled_s = self.bounds.stall_s
            self.process.kill()

    def _feed(self, feed: Callable[[subprocess.Popen[bytes]], None]) -> None:
        try:
            feed(self.process)
        except BrokenPipeError:
            pass  # ffmpeg has ended, and its exit code says why
        except Exception as error:
            self.feed_error = error
            self.process.kill()
        finally:
            if self.process.stdin is not None:
                with suppress(BrokenPipeError):
                    self.process.stdin.close()

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        for raw in self.process.stderr:
            line = raw.decode(errors="replace").strip()
            if line:
                if not self.reads_progress:
                    self._moved_at = time.monotonic()
                self.tail.append(line)
                self.messages.append(line)

    def _read_output(self, chunks: list[bytes]) -> None:
        assert self.process.stdout is not None
        while block := os.read(self.process.stdout.fileno(), 1 << 16):
            self._moved_at = time.monotonic()
            chunks.append(block)

    def _read_progress(self) -> None:
        assert self.process.stdout is not None
        logged_at = started = time.monotonic()
        last = ""
        for raw in self.process.stdout:
            key, _, value = raw.decode(errors="replace").strip().partition("=")
            if key in ("frame", "out_time_us", "total_size") and f"{key}={value}" != last:
                if key == "frame" and value.isdigit() and int(value) == self.frame:
                    continue
                self._moved_at = time.monotonic()
                if key == "frame" and value.isdigit():
                    self.frame = int(value)
            now = time.monotonic()
            if key == "progress" and now - logged_at >= _PROGRESS_EVERY_S and self.frames:
                logged_at = now
                rate = self.frame / (now - started)
                logger.info("%s: frame %d of %d, %.1f frames/s", self.what, self.frame, self.frames, rate)
