"""A ratio is that of the least of all rounds, so that a machine that is slow for one side once does not decide."""

from __future__ import annotations

from typing import Any, cast

import pytest
from bench.quick import Ratio
from bench.record import Findings
from bench.stage import Stage


def make_findings(ours_s: float, theirs_s: float) -> Findings:
    rows: tuple[dict[str, Any], ...] = ({"way": "ours", "cpu_s": ours_s}, {"way": "theirs", "cpu_s": theirs_s})
    return Findings(film="a film", figures=(), rows=rows)


@pytest.mark.parametrize("busy", [(6.0, 1.0), (2.0, 9.0)])
def test_a_busy_round_of_one_side_does_not_count(busy: tuple[float, float]) -> None:
    taken = iter([make_findings(*busy), make_findings(2.0, 1.0)])
    ratio = Ratio("a ratio", "ours", "theirs", lambda stage: next(taken))
    ratio.measure(cast(Stage, None))
    assert ratio.figure.value != 2
    ratio.measure(cast(Stage, None))
    assert ratio.figure.value == 2
