"""Many requests at once, as tasks' heartbeats, a page's polls and scripts make them: each gets its answer."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.integration.conftest import Mapreel

RUSH = 60
"""At once: more than the API server has threads."""


def test_a_rush_of_requests_is_answered(mapreel: Mapreel) -> None:
    def look(_: int) -> int:
        return mapreel.request("GET", "dags/encode_video/dagRuns").status_code

    with ThreadPoolExecutor(RUSH) as pool:
        answers = Counter(pool.map(look, range(4 * RUSH)))
    assert answers == {200: 4 * RUSH}
