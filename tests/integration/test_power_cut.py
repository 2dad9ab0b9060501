"""The whole stack is killed with -9 in the middle, and started again."""

from __future__ import annotations

import pytest

from tests.integration.conftest import Mapreel


@pytest.mark.faults
def test_after_a_power_cut_every_finished_chunk_is_kept_and_the_film_is_finished(mapreel: Mapreel) -> None:
    run = mapreel.start("encode_video", source=mapreel.upload("cut.mov", chunks=5, encode_s=6))

    def made() -> list[int | None]:
        return [c.chunk for c in mapreel.calls("cut.mov") if c.verb == "encode" and c.outcome == "made"]

    mapreel.await_that(lambda: len(made()) >= 2, "two finished chunks")
    finished = made()
    mapreel.kill_everything()
    mapreel.start_stack()
    assert mapreel.finish("encode_video", run) == "success"
    assert sorted(made(), key=str) == [0, 1, 2, 3, 4]  # each made once: what was finished was never made again
    assert made()[: len(finished)] == finished
    assert mapreel.output("cut.mov") is not None
