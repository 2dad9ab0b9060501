"""A bucket that is watched: a film is found without a schedule and without a hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Mapreel, running_mapreel

pytestmark = pytest.mark.faults  # for its time: a stack of its own


def test_a_new_object_starts_a_scan_by_itself(tmp_path: Path) -> None:
    with running_mapreel(tmp_path, MAPREEL_EVENTS="poll:2") as mapreel:
        for film in ("one.mov", "two.mov"):
            mapreel.upload(film, chunks=1)
            mapreel.await_that(lambda film=film: bool(mapreel.runs_of(film)), f"a run for {film}")
            (run,) = mapreel.runs_of(film)
            assert mapreel.finish("encode_video", run) == "success"
        # The same event once more: uploaded anew with the same content, a film is no new one.
        before = mapreel.calls("one.mov")
        mapreel.upload("one.mov", chunks=1)
        scans_so_far = len(scans_of(mapreel))
        mapreel.await_that(lambda: len(scans_of(mapreel)) > scans_so_far, "a scan for the repeated event")
        mapreel.await_that(
            lambda: all(scan["state"] == "success" for scan in scans_of(mapreel)), "the end of the scans"
        )
        assert len(mapreel.runs_of("one.mov")) == 1
        assert mapreel.calls("one.mov") == before
        assert "asset_triggered" in {scan["run_type"] for scan in scans_of(mapreel)}


def scans_of(mapreel: Mapreel) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = mapreel.api("GET", "dags/scan_videos/dagRuns", params={"limit": 100})["dag_runs"]
    return found
