"""A bucket that is watched: a film is found without a schedule and without a hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import running_mapreel

pytestmark = pytest.mark.faults  # for its time: a stack of its own


def test_a_new_object_starts_a_scan_by_itself(tmp_path: Path) -> None:
    with running_mapreel(tmp_path, MAPREEL_EVENTS="poll:2") as mapreel:
        for film in ("one.mov", "two.mov"):
            mapreel.upload(film, chunks=1)
            mapreel.await_that(lambda film=film: bool(mapreel.runs_of(film)), f"a run for {film}")
            (run,) = mapreel.runs_of(film)
            assert mapreel.finish("encode_video", run) == "success"
        scans = mapreel.api("GET", "dags/scan_videos/dagRuns", params={"limit": 100})["dag_runs"]
        assert {"asset_triggered"} <= {scan["run_type"] for scan in scans}
