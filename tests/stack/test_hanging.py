"""A program of Airflow's that is there and does nothing."""

from __future__ import annotations

import os
import signal

import pytest

from local_stack.programs import DAG_PROCESSOR
from tests.real_stack import RealStack
from tests.waiting import await_that

pytestmark = pytest.mark.faults

GIVEN_UP_S = 300
"""Within three minutes after its start a program is let be; 90 s until its heartbeat is old, and some looks."""


def test_component_that_hangs_is_restarted(harmed_stack: RealStack) -> None:
    processor = harmed_stack.pid_of(DAG_PROCESSOR)

    os.kill(processor, signal.SIGSTOP)

    await_that("another process", lambda: harmed_stack.pid_of(DAG_PROCESSOR) not in (0, processor), GIVEN_UP_S)
    assert processor not in {process.pid for process in harmed_stack.processes()}
