"""How processes are held together, with small ones in place of Airflow's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from local_stack.environment import STACK_MARK
from local_stack.errors import StartFailed
from local_stack.home import Home
from local_stack.keys import load_keys
from local_stack.ports import choose_ports
from local_stack.programs import Program
from local_stack.readiness import await_supervisor
from local_stack.settings import StackSettings
from local_stack.stack import Stack
from local_stack.supervisor import Supervisor, start_supervisor, write_configuration
from local_stack.sweep import marked_processes, sweep

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(99)"
)


class SmallStack:
    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.home.create()
        self.keys = load_keys(self.home)
        self.ports = choose_ports(self.home, StackSettings(home=root))
        self.supervisor = Supervisor(self.ports, self.keys)
        # With a blank and a percent sign, both of which mean something in supervisord's configuration.
        sleeper = (sys.executable, "-c", "import time; time.sleep(99)", "100 %(here)s")
        programs = [Program(name="sleeper", argv=sleeper, start_order=1)]
        write_configuration(self.home, self.keys, self.ports, programs)
        start_supervisor(self.home, {**os.environ, STACK_MARK: self.keys.stack_id})
        self.pid = await_supervisor(self.supervisor, self.home)

    def await_sleeper(self) -> int:
        """Wait until the program runs: before that it may not yet be bound to supervisord's life."""
        for _ in range(300):
            state = self.supervisor.states()["sleeper"]
            if state.is_running:
                return state.pid
            time.sleep(0.1)
        pytest.fail("the program was not started")


@pytest.fixture
def small_stack(tmp_path: Path):  # type: ignore[no-untyped-def]
    stack = SmallStack(tmp_path / "home with % and blank")
    yield stack
    sweep(stack.keys.stack_id)


def test_killed_supervisord_takes_its_programs_with_it(small_stack: SmallStack) -> None:
    sleeper = psutil.Process(small_stack.await_sleeper())

    os.kill(small_stack.pid, signal.SIGKILL)

    psutil.wait_procs([sleeper], timeout=30)
    assert marked_processes(small_stack.keys.stack_id) == []


def test_down_stops_everything(small_stack: SmallStack) -> None:
    small_stack.await_sleeper()

    ended = Stack(StackSettings(home=small_stack.home.root)).down(lambda _: None)

    assert ended == 2
    assert marked_processes(small_stack.keys.stack_id) == []
    assert small_stack.supervisor.pid() is None


def test_restart_gives_a_program_a_new_process(small_stack: SmallStack) -> None:
    before = small_stack.await_sleeper()

    small_stack.supervisor.restart("sleeper")

    assert small_stack.await_sleeper() != before


def test_sweep_ends_what_ignores_being_asked() -> None:
    environment = {**os.environ, STACK_MARK: "of-this-test"}
    with subprocess.Popen([sys.executable, "-c", STUBBORN], env=environment, stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout is not None
        stubborn.stdout.readline()

        assert sweep("of-this-test") == 1

        assert not psutil.pid_exists(stubborn.pid)


def test_supervisord_that_cannot_start_says_why(small_stack: SmallStack) -> None:
    with pytest.raises(StartFailed, match="Another program is already listening"):
        start_supervisor(small_stack.home, os.environ)
