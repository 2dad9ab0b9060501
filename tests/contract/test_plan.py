"""A plan's chunks partition the frames of each track exactly, or there is no such plan."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from encoding_contract.plan import Plan, choose_borders, digest_pts, mend_timestamps, spread_timestamps
from tests.contract.documents import plans, timestamps


@given(plans())
def test_each_frame_lies_in_exactly_one_chunk(plan: Plan) -> None:
    for position, track in enumerate(plan.tracks):
        frames = [n for chunk in plan.chunks_of(position) for n in range(chunk.first_frame, chunk.end_frame)]
        assert frames == list(range(track.frames))


@given(plans(), st.data())
def test_a_plan_that_loses_or_doubles_a_frame_is_refused(plan: Plan, data: st.DataObject) -> None:
    fields: dict[str, Any] = plan.model_dump()
    chunk = data.draw(st.sampled_from(fields["chunks"]))
    harm = data.draw(st.sampled_from(["longer", "shorter", "later", "earlier", "renumbered", "doubled", "gone"]))
    if harm == "longer":
        chunk["frames"] += 1
    elif harm == "shorter":
        chunk["frames"] -= 1
    elif harm == "later":
        chunk["first_frame"] += 1
    elif harm == "earlier":
        chunk["first_frame"] -= 1
    elif harm == "renumbered":
        chunk["index"] += 1
    elif harm == "doubled":
        fields["chunks"] = (*fields["chunks"], chunk)
    else:
        fields["chunks"] = tuple(each for each in fields["chunks"] if each is not chunk)
    with pytest.raises(ValidationError, match=r"chunks|frame"):
        Plan.model_validate(fields)


@given(plans().filter(lambda plan: len(plan.chunks_of(0)) > 1), st.sampled_from([-1, 1]))
def test_a_plan_with_a_gap_or_an_overlap_in_time_is_refused(plan: Plan, by: int) -> None:
    fields: dict[str, Any] = plan.model_dump()
    fields["chunks"][0]["end_pts"] += by
    with pytest.raises(ValidationError, match="chunk 0 does not end where 1 begins"):
        Plan.model_validate(fields)


@settings(max_examples=1)
@given(plans())
def test_a_plan_without_chunks_is_refused(plan: Plan) -> None:
    with pytest.raises(ValidationError, match="chunks"):
        Plan.model_validate({**plan.model_dump(), "chunks": ()})


@given(st.sets(st.integers(0, 500)).map(sorted), st.integers(1, 500), st.integers(0, 200))
def test_borders_are_candidates_and_chunks_long_enough(candidates: list[int], total: int, wanted: int) -> None:
    borders = choose_borders(candidates, total, wanted)
    assert borders[0] == 0
    assert set(borders[1:]) <= set(candidates)
    lengths = [b - a for a, b in pairwise([*borders, total])]
    assert sum(lengths) == total
    assert all(length > 0 for length in lengths)
    assert all(length >= wanted for length in lengths[:-1])
    if len(lengths) > 1:
        assert lengths[-1] * 2 >= wanted


@given(st.integers(1, 5000), st.integers(1, 300))
def test_where_any_frame_may_be_a_border_chunks_have_the_wanted_length(total: int, wanted: int) -> None:
    borders = choose_borders(list(range(1, total)), total, wanted)
    lengths = [b - a for a, b in pairwise([*borders, total])]
    assert all(length == wanted for length in lengths[:-1])
    assert lengths[-1] * 2 < wanted * 3


@given(st.sets(st.integers(0, 500)).map(sorted), st.integers(1, 500))
def test_a_wanted_length_of_0_makes_one_chunk(candidates: list[int], total: int) -> None:
    assert choose_borders(candidates, total, 0) == [0]


@given(st.lists(st.none() | st.integers(-(2**40), 2**40), max_size=60), st.integers(1, 4000))
def test_mended_timestamps_increase_strictly(given_times: list[int | None], step: int) -> None:
    mended = mend_timestamps(given_times, step)
    assert len(mended) == len(given_times)
    assert all(a < b for a, b in pairwise(mended))


@given(timestamps(), st.integers(1, 4000))
def test_timestamps_that_increase_stay_as_they_are(times: list[int], step: int) -> None:
    assert mend_timestamps(times, step) == times
    assert mend_timestamps(mend_timestamps(times, step), step) == times


def test_a_late_timestamp_moves_by_as_little_as_possible() -> None:
    assert mend_timestamps([0, 40, 40, 20, 80, None, 200], 40) == [0, 40, 41, 42, 80, 120, 200]


def test_a_clock_that_stands_goes_on_by_the_frames_length() -> None:
    standing = [0, 10, 20, *[20] * 40, 30, 40]
    spread = spread_timestamps(standing, 10)
    assert spread == [place * 10 for place in range(len(standing))]
    # A chunk that begins behind it has the same distances, whatever lies before.
    assert spread_timestamps(standing[-2:], 10) == [30, 40]


def test_a_few_frames_at_one_time_are_left_to_be_mended() -> None:
    assert spread_timestamps([0, 10, 10, None, 10, 20], 10) == [0, 10, 10, None, 10, 20]


@given(timestamps(), st.data())
def test_the_digest_tells_a_frame_that_is_missing_or_moved(times: list[int], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(times) - 1))
    moved = [*times[:at], times[at] + 1, *times[at + 1 :]]
    missing = [*times[:at], *times[at + 1 :]]
    assert len({digest_pts(times), digest_pts(moved), digest_pts(missing)}) == 3
