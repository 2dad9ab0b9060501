"""What a stack has taken is told by its parts, and what it takes anyway is taken off."""

from __future__ import annotations

import time

import psutil
import pytest
from bench.airflow_costs import Spent, cost_row, part_of


@pytest.mark.parametrize(
    ("parent", "child", "part"),
    [
        ("airflow scheduler --skip-serve-logs", "airflow worker -- LocalExecutor: <idle>", "the tasks' processes"),
        ("airflow scheduler --skip-serve-logs", "python -c fork", "the scheduler"),
        ("airflow api-server", "python -c spawn", "the API server"),
        ("some emulator", "its child", "the emulator and all else"),
    ],
)
def test_a_process_belongs_to_its_nearest_known_ancestor(parent: str, child: str, part: str) -> None:
    script = f'exec -a "{parent}" bash -c \'(exec -a "{child}" sleep 60) & wait\''
    with psutil.Popen(["bash", "-c", script]) as outer:
        try:
            deadline = time.monotonic() + 30
            while not any(process.cmdline()[:1] == [child] for process in outer.children()):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            (inner,) = outer.children()
            assert part_of(inner) == part
        finally:
            for process in (*outer.children(), outer):
                process.kill()


def test_an_idle_stack_is_taken_off_by_its_parts() -> None:
    idle = Spent(parts={"a": 6.0, "b": 0.0}, worker_s=0, at_s=60)
    row = cost_row(Spent(parts={"a": 12.0, "b": 5.0}, worker_s=2.0, at_s=20), idle, chunks=10)
    assert row["parts"] == {"a": 1.0, "b": 0.5}
    assert row["cpu_s_per_chunk"] == 1.5
    assert row["wall_s_per_chunk"] == 2.0
    assert row["worker_cpu_s_per_chunk"] == 0.2
