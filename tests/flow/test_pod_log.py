from __future__ import annotations

import pendulum
import pytest

from encoding_flow.pod_log import next_piece, seconds_back

FIRST = "2026-11-28T10:00:01.100000001Z one"
SECOND = "2026-11-28T10:00:01.2Z two"
THIRD = "2026-11-28T10:00:03.000000003Z three"


@pytest.mark.parametrize("seam", range(4))
def test_each_line_is_in_one_piece_wherever_the_seam_is(seam: int) -> None:
    log = [FIRST, SECOND, THIRD]
    piece = next_piece(log[:seam], None)
    rest = next_piece(log, piece.end)
    assert piece.lines + rest.lines == log
    assert rest.end == pendulum.parse("2026-11-28T10:00:03Z")


def test_a_line_without_stamp_goes_with_the_line_before() -> None:
    first = next_piece([FIRST, "and more of it"], None)
    assert first.lines == [FIRST, "and more of it"]
    assert next_piece([FIRST, "and more of it", SECOND, "and of this"], first.end).lines == [SECOND, "and of this"]


def test_nothing_new_leaves_the_end_where_it_was() -> None:
    end = next_piece([FIRST], None).end
    assert next_piece([], end).end == next_piece([FIRST], end).end == end


@pytest.mark.parametrize("ahead_s", [-3600, -20, 0, 20])
def test_a_node_whose_clock_is_wrong_costs_no_line(ahead_s: int) -> None:
    end = pendulum.now("UTC").add(seconds=ahead_s - 60)  # said a minute ago
    back_s = seconds_back(end)
    assert back_s is not None
    assert back_s >= 60


def test_the_first_piece_is_all_there_is() -> None:
    assert seconds_back(None) is None
