"""Processes of a stack with real encoders are killed with -9 at random moments: every film comes out right.

Random, by a seed that is printed: MAPREEL_FAULT_SEED repeats a run, MAPREEL_FAULT_ROUNDS sets its length. A film is
judged by the program that MAPREEL_JUDGE names, called with source and output, or else by the tests' own looks.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.real_stack import RealStack
from tests.stack.killing import Killer
from tests.stack.rounds import ROUND_S, Round

# The client lets a connection that broke go without closing it.
pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]

ROUNDS = int(os.environ.get("MAPREEL_FAULT_ROUNDS", "1"))
SEED = int(os.environ.get("MAPREEL_FAULT_SEED") or random.SystemRandom().randrange(10**9))
WINDOW_S = float(os.environ.get("MAPREEL_FAULT_WINDOW_S", "60"))
"""About as long as an undisturbed run takes."""
EARLY_S = 20
"""Before an undisturbed run has come to its end, and some moments before it has begun."""


@dataclass
class Toll:
    """What was killed in all rounds, and what came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    films: int = 0
    by_a_second_run: int = 0


@pytest.fixture(scope="module")
def toll() -> Iterator[Toll]:
    toll = Toll()
    yield toll
    kinds = ", ".join(f"{kind} {number}" for kind, number in toll.kills.most_common())
    print(f"\nseed {SEED}: {toll.rounds} rounds, {toll.kills.total()} kills ({kinds});")
    print(f"{toll.films} films came out right, {toll.by_a_second_run} of them by a second run")


@pytest.mark.timeout(3 * ROUND_S)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_film_survives_kills_at_random_moments(
    number: int, harmed_stack: RealStack, film: Path, toll: Toll, tmp_path: Path
) -> None:
    killer = Killer(harmed_stack.processes, random.Random(SEED + number), WINDOW_S, toll.kills)
    survive(killer, number, Round(harmed_stack, film, f"film {number}.mp4"), toll, tmp_path)


@pytest.mark.timeout(3 * ROUND_S)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_film_survives_the_death_of_its_workers(
    number: int, harmed_stack: RealStack, film: Path, toll: Toll, tmp_path: Path
) -> None:
    chance = random.Random(SEED + number)
    killer = Killer(harmed_stack.processes, chance, EARLY_S, toll.kills, only=("ffmpeg", "worker"))
    survive(killer, number, Round(harmed_stack, film, f"film {number} of dying workers.mp4"), toll, tmp_path)
    assert not killer.done[0].startswith("nobody")


def survive(killer: Killer, number: int, round: Round, toll: Toll, folder: Path) -> None:
    """Let a film be encoded while somebody kills, and hold what comes of it against what is promised."""
    began = time.monotonic()
    round.begin()
    killer.start()
    runs = round.follow(killer, runs=1)
    states = [run.state for run in runs]
    if "success" not in states:
        assert round.published() == []
        why = round.why_failed(runs[0])
        assert why
        toll.by_a_second_run += 1
        print(f"failed first: {why}")
        round.start_run()
        runs = round.follow(None, runs=len(runs) + 1)
        assert runs[0].state == "success"
    round.judge(folder)
    round.check_tidy()
    toll.films += 1
    toll.rounds += 1
    print(f"seed {SEED}, round {number}: killed {'; '.join(killer.done)}; {states} in {time.monotonic() - began:.0f} s")
