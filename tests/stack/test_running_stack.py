"""What a user notices of a stack that runs: a real Airflow and a real emulator."""

from __future__ import annotations

import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import imageio_ffmpeg
import psutil

from encoding_client.airflow_client import fetch_health
from local_stack.executor_workers import is_idle_worker
from local_stack.keys import load_keys
from local_stack.sweep import marked_processes
from tests.conftest import StackUnderTest


def await_true(look: Callable[[], bool], timeout_s: float) -> bool:
    end = time.monotonic() + timeout_s
    while not look():
        if time.monotonic() > end:
            return False
        time.sleep(0.3)
    return True


def test_nothing_listens_beyond_loopback(running_stack: StackUnderTest) -> None:
    processes = {process.pid for process in marked_processes(load_keys(running_stack.stack.home).stack_id)}
    # All of the machine in one look: a task's process may be gone before it could be asked by itself.
    listening = [one for one in psutil.net_connections() if one.status == psutil.CONN_LISTEN and one.pid in processes]

    assert {one.laddr.ip for one in listening} == {"127.0.0.1"}


def test_what_is_secret_is_for_its_owner_only(running_stack: StackUnderTest) -> None:
    home = running_stack.stack.home
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home.keys, home.passwords, home.supervisor_conf)}

    assert set(modes.values()) == {0o600}, modes
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700


def test_second_start_says_what_runs_and_starts_nothing(running_stack: StackUnderTest) -> None:
    before = running_stack.stack.running()
    assert before is not None
    pids = {name: state.pid for name, state in running_stack.stack.states().items()}

    again = running_stack.call("up")

    assert again.returncode == 0, again.stderr
    assert f"Already running: supervisord pid {before.pid}" in again.stdout
    assert before.ports.airflow_url in again.stdout
    assert {name: state.pid for name, state in running_stack.stack.states().items()} == pids


def test_demo_encodes_a_film_whose_name_is_hostile(running_stack: StackUnderTest, tmp_path: Path) -> None:
    film = tmp_path / '-it\'s a "film" $HOME 日本語.mp4'
    make_film(film)

    done = running_stack.call("demo", "--chunk-s", "2", "--", str(film))

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Output: gs://mapreel-out/{film.name}.mkv" in done.stdout
    assert "3 chunks" in done.stdout
    assert re.search(r"frames\s+│\s+150\s+│\s+150\s+│", done.stdout), done.stdout
    assert (running_stack.stack.home.demo / f"{film.name}.mkv").stat().st_size > 0

    again = running_stack.call("demo", "--", str(film))

    assert again.returncode == 0, again.stdout + again.stderr
    assert "was encoded before" in again.stdout


def test_demo_of_a_file_that_is_no_video_ends_with_its_error_line(
    running_stack: StackUnderTest, tmp_path: Path
) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("no video at all\n")

    done = running_stack.call("demo", "--", str(text))

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "gs://mapreel-in/notes.mp4: is no video" in done.stderr


def test_killed_scheduler_comes_back(running_stack: StackUnderTest) -> None:
    stack = running_stack.stack.running()
    assert stack is not None
    url, scheduler = stack.ports.airflow_url, running_stack.stack.states()["scheduler"].pid

    os.kill(scheduler, signal.SIGKILL)
    killed = datetime.now(UTC)

    assert await_true(lambda: running_stack.stack.states()["scheduler"].pid not in (0, scheduler), 20)
    # A heartbeat of the new one, and not the last of the old one.
    assert await_true(lambda: last_heartbeat(url, "scheduler") > killed, 90)
    # And none of the old one's workers is left waiting for work.
    assert await_true(lambda: count_orphans(running_stack) == 0, 30)


def test_a_killed_idle_worker_of_the_executor_makes_the_scheduler_start_anew(running_stack: StackUnderTest) -> None:
    scheduler = running_stack.stack.states()["scheduler"].pid
    assert await_true(lambda: bool(idle_workers(scheduler)), 30)
    time.sleep(6)  # the watcher looks every 5 s: it must have seen the worker alive

    idle_workers(scheduler)[0].kill()

    # Without that, all that is queued from now on stays queued for ever.
    assert await_true(lambda: running_stack.stack.states()["scheduler"].pid not in (0, scheduler), 30)
    assert await_true(lambda: count_orphans(running_stack) == 0, 30)


def idle_workers(scheduler: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(scheduler).children() if is_idle_worker(child)]


def count_orphans(running_stack: StackUnderTest) -> int:
    processes = marked_processes(load_keys(running_stack.stack.home).stack_id)
    supervisor = running_stack.stack.running()
    assert supervisor is not None
    return sum(1 for process in processes if process.ppid() == 1 and process.pid != supervisor.pid)


def last_heartbeat(airflow_url: str, component: str) -> datetime:
    heartbeat = fetch_health(airflow_url)[component].heartbeat
    assert heartbeat is not None
    return datetime.fromisoformat(heartbeat)


def make_film(path: Path) -> None:
    command = [
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin"),
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=6"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=6"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25", "-c:a", "aac", str(path)),
    ]
    subprocess.run(command, check=True)


def test_command_line_finds_the_stack(running_stack: StackUnderTest) -> None:
    lines = running_stack.call("env").stdout
    settings = dict(shlex.split(line)[1].split("=", 1) for line in lines.splitlines())
    done = subprocess.run(
        [Path(sys.executable).with_name("mapreel"), "list", "no such film"],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "There is nothing in gs://mapreel-in/no such film" in done.stdout
