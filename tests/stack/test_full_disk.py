"""The disk of Airflow's database, logs and buckets is full for a while, in the middle of a film."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.real_stack import RealStack
from tests.stack.rounds import ROUND_S, Round

# The client lets a connection that broke go without closing it.
pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]

FULL_S = 30


def fill(disk: Path) -> Path:
    """Write until nothing more fits, and return what was written."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return ballast


@pytest.mark.timeout(2 * ROUND_S)
def test_a_film_survives_a_disk_that_is_full_for_a_while(
    harmed_stack: RealStack, disk: Path, film: Path, tmp_path: Path
) -> None:
    if not disk.is_mount():
        pytest.skip("only root may mount a small disk")
    round = Round(harmed_stack, film, "film on a full disk.mp4")
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
