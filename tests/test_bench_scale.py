"""The simulation of many workers, where the answer can be told without it."""

from bench.scale import Overheads, simulate


def test_equal_chunks_fill_as_many_workers() -> None:
    assert simulate([100.0] * 8, films=1, workers=8, overheads=Overheads()) == (1.0, 100.0)


def test_a_worker_without_a_chunk_and_the_longest_chunk_cost_their_time() -> None:
    assert simulate([100.0, 50.0, 50.0], films=1, workers=4, overheads=Overheads()) == (0.5, 100.0)


def test_a_second_film_goes_on_where_workers_are_free() -> None:
    assert simulate([100.0, 50.0], films=2, workers=2, overheads=Overheads()) == (1.0, 150.0)


def test_what_comes_around_chunks_is_in_the_time() -> None:
    overheads = Overheads(start_s=3, split_s=20, merge_s=30, dispatch_s=1)
    assert simulate([100.0, 100.0], films=1, workers=2, overheads=overheads) == (200 / (2 * 155), 155.0)


def test_an_orchestrator_that_starts_less_than_ends_is_what_all_wait_for() -> None:
    _, wall_s = simulate([1.0] * 100, films=1, workers=1000, overheads=Overheads(dispatch_s=2))
    assert wall_s == 201.0
