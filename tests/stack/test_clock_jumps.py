"""The clock of every process jumps while a film is encoded, as a machine's does that slept or was set."""

from __future__ import annotations

import math
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

from tests.real_stack import RealStack, started
from tests.stack.rounds import ROUND_S, Round
from tests.waiting import await_that

# The client lets a connection that broke go without closing it.
pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]

SOURCE = Path(__file__).with_name("jumping_clock.c")
JUMPS = (3600, 3510)
"""Seconds beside the true time: an hour ahead, as after sleep, then back by a minute and a half, as when it is set.

Airflow starts no task of a run that began in the future: a run that began before a clock was set back waits as long.
"""


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """The file that says how far the stack's clock is off."""
    clock = tmp_path / "clock"
    clock.write_text("0\n")
    return clock


@pytest.fixture
def stack(clock: Path, tmp_path: Path) -> Iterator[RealStack]:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here, for the clock that jumps")
    library = tmp_path / "jumping_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-Wall", "-o", library, SOURCE], check=True)
    jumping = {"LD_PRELOAD": str(library), "JUMPING_CLOCK": str(clock)}
    with started(RealStack(tmp_path / "home", tmp_path, {"MAPREEL_SCAN_CRON": "* * * * *", **jumping})) as stack:
        yield stack


@pytest.mark.timeout(2 * ROUND_S)
def test_a_film_survives_a_clock_that_jumps(stack: RealStack, clock: Path, film: Path, tmp_path: Path) -> None:
    round = Round(stack, film, "film.mp4")
    round.begin()
    for jump in JUMPS:
        time.sleep(15)
        clock.write_text(f"{jump}\n")
        # A busy server's answers bear the time of its last look at the clock.
        await_that("the jump", lambda jump=jump: abs(_seconds_off(stack) - jump) < 60, ROUND_S)
    runs = round.follow(None, runs=1)
    assert [run.state for run in runs] == ["success"]
    round.judge(tmp_path)
    round.check_tidy()


def _seconds_off(stack: RealStack) -> float:
    """Return how far Airflow's clock is off, by the date that it writes over its answers; unknown while it is busy."""
    try:
        answer = httpx.get(f"{stack.url}/api/v2/version", trust_env=False, timeout=30)
    except httpx.TransportError:
        return math.nan
    return (parsedate_to_datetime(answer.headers["date"]) - datetime.now(tz=UTC)).total_seconds()
