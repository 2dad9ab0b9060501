"""Airflow's own programs killed with -9 while pods encode: the pods go on, and are found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.airflow import SLOW_VIDEO, TestStack
from tests.cluster.film import check_film
from tests.cluster.pods import PodWatcher
from tests.waiting import await_that

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


@pytest.mark.parametrize("program", ["worker", "triggerer", "scheduler"])
def test_a_killed_program_of_airflow_costs_no_encode(
    stack: TestStack, pods: PodWatcher, film: Path, tmp_path: Path, program: str
) -> None:
    run = stack.start(film, chunk_s=10, video=SLOW_VIDEO)
    # The second pod has just been made: its task's process may not have deferred yet, which is the worst moment.
    await_that("two chunks", lambda: len(pods.current("encode")) >= 2)
    stack.kill(program)

    assert run.await_end(600) == "success"
    check_film(film, run.output(tmp_path))
    assert pods.encodes_beyond(3) == 0
