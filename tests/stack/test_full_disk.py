"""The disk of Airflow's database, logs and buckets is full for a while, in the middle of a film."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.real_stack import RealStack, started
from tests.stack.rounds import ROUND_S, Round

# The client lets a connection that broke go without closing it.
pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]

FULL_S = 30


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512m", "mapreel-test", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.fixture
def stack(disk: Path, tmp_path: Path) -> Iterator[RealStack]:
    with started(RealStack(disk / "home", tmp_path, {"MAPREEL_SCAN_MINUTES": "1"})) as stack:
        yield stack


def fill(disk: Path) -> Path:
    """Write until nothing more fits, and return what was written."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return ballast


@pytest.mark.timeout(2 * ROUND_S)
def test_a_film_survives_a_disk_that_is_full_for_a_while(
    stack: RealStack, disk: Path, film: Path, tmp_path: Path
) -> None:
    round = Round(stack, film, "film.mp4")
    round.begin()
    time.sleep(20)
    ballast = fill(disk)
    time.sleep(FULL_S)
    assert os.statvfs(disk).f_bavail == 0
    ballast.unlink()
    runs = round.follow(None, runs=1)
    if runs[0].state != "success":
        assert round.published() == []
        assert round.why_failed(runs[0])
        round.start_run()
        assert round.follow(None, runs=2)[0].state == "success"
    round.judge(tmp_path)
    round.check_tidy()
