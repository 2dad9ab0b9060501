"""A child process dies with whoever wants its result, however that one ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from encoding_flow.child import ChildProcess

STUBBORN = "trap '' TERM; echo up; while :; do sleep 0.1; done"
WAIT_S = 15


def await_that(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT_S} s: {what}"
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_lines_come_as_they_are_written_and_the_status_is_the_programs() -> None:
    child = ChildProcess(["sh", "-c", "echo one; echo two >&2; printf '\\377\\n'; exit 65"], os.environ, 1)
    assert list(child.read_lines()) == ["one", "two", "\ufffd"]
    assert child.wait() == 65
    child.close()


def test_a_signal_shows_as_a_negative_status() -> None:
    child = ChildProcess(["sh", "-c", "kill -KILL $$"], os.environ, 1)
    assert (list(child.read_lines()), child.wait()) == ([], -signal.SIGKILL)
    child.close()


def test_the_program_may_end_by_itself_when_asked() -> None:
    child = ChildProcess(
        ["sh", "-c", "trap 'echo bye; exit 75' TERM; echo up; while :; do sleep 0.1; done"], os.environ, 9
    )
    lines = child.read_lines()
    assert next(lines) == "up"
    child.request_end()
    assert "bye" in list(lines)  # beside what the shell says of its own sleep
    assert child.wait() == 75
    child.close()


def test_a_stubborn_one_is_killed_with_all_that_it_started() -> None:
    child = ChildProcess(["sh", "-c", f'sh -c "{STUBBORN}" & {STUBBORN}'], os.environ, 0.5)
    lines = child.read_lines()
    assert [next(lines), next(lines)] == ["up", "up"]
    started = [process.pid for process in psutil.Process(child.pid).children(recursive=True)]
    assert started
    child.request_end()
    assert list(lines) == []
    assert child.wait() == -signal.SIGKILL
    child.close()
    for pid in started:
        await_that(lambda pid=pid: is_gone(pid), f"end of {pid}")  # type: ignore[misc]


PARENT = """
import os, sys
from encoding_flow.child import ChildProcess
child = ChildProcess(["sh", "-c", "echo $$ > $0; while :; do sleep 0.1; done", sys.argv[1]], os.environ, 1)
for line in child.read_lines(): pass
"""

GRANDPARENT = """
import subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""


def read_pid(path: Path) -> int:
    await_that(lambda: path.exists() and bool(path.read_text().strip()), f"{path.name} to be written")
    return int(path.read_text())


def test_the_child_ends_when_its_task_is_killed(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(note)])
    pid = read_pid(note)
    parent.kill()
    parent.wait()
    await_that(lambda: is_gone(pid), "end of the child")


def test_the_child_ends_when_the_tasks_supervisor_is_killed(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    supervisor = subprocess.Popen([sys.executable, "-c", GRANDPARENT, PARENT, str(note)])
    pid = read_pid(note)
    (task,) = psutil.Process(supervisor.pid).children()
    supervisor.kill()
    supervisor.wait()
    await_that(lambda: is_gone(pid), "end of the child")
    await_that(lambda: is_gone(task.pid), "end of the task")
