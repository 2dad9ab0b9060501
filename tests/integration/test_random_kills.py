"""Processes of the stack are killed with -9 at random moments over a short film; it is finished all the same.

Random, by a seed that is printed: MAPREEL_FAULT_SEED repeats a run, MAPREEL_FAULT_ROUNDS sets its length.
"""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.integration.conftest import Mapreel

ROUNDS = int(os.environ.get("MAPREEL_FAULT_ROUNDS", "2"))
SEED = int(os.environ.get("MAPREEL_FAULT_SEED") or random.SystemRandom().randrange(10**9))
CHUNKS = 4


@pytest.mark.faults
@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_film_survives_kills_at_random_moments(mapreel: Mapreel, number: int) -> None:
    chance = random.Random(SEED + number)
    film = f"kills {number}.mov"
    run = mapreel.start("encode_video", source=mapreel.upload(film, chunks=CHUNKS, encode_s=3))
    wait_s = chance.uniform(1, 40)
    print(f"seed {SEED}, round {number}: the power is cut after {wait_s:.1f} s")
    time.sleep(wait_s)
    finished = {call for call in mapreel.calls(film) if call.outcome == "made"}
    mapreel.kill_everything()
    mapreel.start_stack()
    assert mapreel.finish("encode_video", run) == "success"
    made = [call for call in mapreel.calls(film) if call.outcome == "made"]
    # What was finished before is made once; merge is always made anew when it is run again.
    for call in finished:
        assert call.verb == "merge" or made.count(call) == 1, call
    chunks = sorted(call.chunk for call in made if call.verb == "encode" and call.chunk is not None)
    assert chunks == list(range(CHUNKS))
    assert mapreel.output(film) is not None
