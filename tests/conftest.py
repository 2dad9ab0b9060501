from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from local_stack.keys import load_keys
from local_stack.settings import StackSettings
from local_stack.stack import Stack
from local_stack.sweep import marked_processes
from tests import prepared
from tests.waiting import no_scan_soon

STACKS = (
    "tests/integration/test_bucket_events.py",
    "tests/integration/test_postgresql.py",
    "tests/integration/test_words.py",
    "tests/integration/",
    "tests/stack/test_clock_jumps.py",
    "tests/stack/",
    "tests/browser/",
)
"""Tests below the same one of these, the first that fits, share a stack."""


class StackScheduling(LoadScopeScheduling):
    """Gives the tests of one stack to one process, and every other test to whoever is free.

    Not by xdist's own groups: version 3.8 marks them where pytest 9.2 does not look.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((stack for stack in STACKS if nodeid.startswith(stack)), nodeid)


def pytest_configure(config: pytest.Config) -> None:
    """Prepare what all processes of this run share."""
    if hasattr(config, "workerinput"):
        return
    # Where somebody ends the tests (.ci/run does, when it is ended), what was started is stopped, as by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if prepared.FOLDER_VARIABLE not in os.environ:
        os.environ[prepared.FOLDER_VARIABLE] = folder = tempfile.mkdtemp()
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> StackScheduling:
    """Say who runs what, where several processes run tests (``pytest -n``)."""
    return StackScheduling(config, log)


class StackUnderTest:
    """A stack in a home of its own, driven by its command line as a user drives it."""

    def __init__(self, home: Path) -> None:
        self.environment = {**os.environ, "MAPREEL_HOME": str(home), **no_scan_soon()}
        self.stack = Stack(StackSettings(home=home))

    def call(self, *arguments: str, timeout_s: float = 480) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "local_stack", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def processes(self) -> list[str]:
        return [" ".join(process.cmdline()) for process in marked_processes(load_keys(self.stack.home).stack_id)]


@pytest.fixture(scope="package")
def running_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackUnderTest]:
    """The embedded stack: real Airflow, real emulator; started once for a folder's tests, and no burden on others."""
    stack = StackUnderTest(tmp_path_factory.mktemp("stack") / "home")
    try:
        started = stack.call("up")
        assert started.returncode == 0, started.stderr
        yield stack
    finally:
        stopped = stack.call("down")
    assert stopped.returncode == 0, stopped.stderr
    assert stack.processes() == []
