from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_stack.keys import load_keys
from local_stack.settings import StackSettings
from local_stack.stack import Stack
from local_stack.sweep import marked_processes

GROUPS = ("integration", "stack")
"""Folders whose tests share a stack, and so a process where several run tests (pytest-xdist)."""


# Before xdist, which reads the marks in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a folder with a stack together."""
    for item in items:
        if item.path.parent.name in GROUPS:
            item.add_marker(pytest.mark.xdist_group(item.path.parent.name))


class StackUnderTest:
    """A stack in a home of its own, driven by its command line as a user drives it."""

    def __init__(self, home: Path) -> None:
        # No scheduled scan comes between a test and its film.
        self.environment = {**os.environ, "MAPREEL_HOME": str(home), "MAPREEL_SCAN_MINUTES": "59"}
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


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackUnderTest]:
    """The embedded stack: real Airflow, real emulator; started once for all tests that ask for it."""
    stack = StackUnderTest(tmp_path_factory.mktemp("stack") / "home")
    try:
        started = stack.call("up")
        assert started.returncode == 0, started.stderr
        yield stack
    finally:
        stopped = stack.call("down")
    assert stopped.returncode == 0, stopped.stderr
    assert stack.processes() == []
