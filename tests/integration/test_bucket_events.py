"""A bucket that is watched: a film is found without a schedule and without a hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import Mapreel, running_mapreel

pytestmark = pytest.mark.faults  # for its time: a stack of its own


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapreel]:
    with running_mapreel(tmp_path_factory.mktemp("events"), MAPREEL_EVENTS="poll:2") as mapreel:
        yield mapreel


def test_a_new_object_starts_a_scan_by_itself(watching: Mapreel) -> None:
    for film in ("one.mov", "two.mov"):
        watching.upload(film, chunks=1)
        watching.await_that(lambda film=film: bool(watching.runs_of(film)), f"a run for {film}")
        (run,) = watching.runs_of(film)
        assert watching.finish("encode_video", run) == "success"
    # The same event once more: uploaded anew with the same content, a film is no new one.
    before = watching.calls("one.mov")
    watching.upload("one.mov", chunks=1)
    scans_so_far = len(scans_of(watching))
    watching.await_that(lambda: len(scans_of(watching)) > scans_so_far, "a scan for the repeated event")
    watching.await_that(lambda: all(scan["state"] == "success" for scan in scans_of(watching)), "the end of the scans")
    assert len(watching.runs_of("one.mov")) == 1
    assert watching.calls("one.mov") == before
    assert "asset_triggered" in {scan["run_type"] for scan in scans_of(watching)}


def test_a_lost_event_costs_no_film(watching: Mapreel) -> None:
    watching.await_that(lambda: all(scan["state"] == "success" for scan in scans_of(watching)), "the end of the scans")
    events_so_far, scans_so_far = count_events(watching), len(scans_of(watching))
    # Nobody takes a paused DAG's events down; where its file is parsed meanwhile, nobody even looks.
    watching.api("PATCH", "dags/scan_videos", json={"is_paused": True})
    watching.upload("lost.mov", chunks=1)
    watching.await_that(lambda: count_events(watching) > events_so_far or not is_watched(watching), "the event")
    assert watching.runs_of("lost.mov") == {}
    watching.api("PATCH", "dags/scan_videos", json={"is_paused": False})

    # A scan goes by the bucket, whatever it was started for.
    watching.upload("next.mov", chunks=1)
    watching.await_that(lambda: len(scans_of(watching)) > scans_so_far, "the next event's scan")
    for film in ("lost.mov", "next.mov"):
        watching.await_that(lambda film=film: bool(watching.runs_of(film)), f"a run for {film}")
        (run,) = watching.runs_of(film)
        assert watching.finish("encode_video", run) == "success"


def count_events(mapreel: Mapreel) -> int:
    """Return how many new objects Airflow was told of."""
    return int(mapreel.api("GET", "assets/events", params={"limit": 1})["total_entries"])


def is_watched(mapreel: Mapreel) -> bool:
    """Return whether Airflow looks for new objects."""
    (asset,) = mapreel.api("GET", "assets", params={"name_pattern": "mapreel_input"})["assets"]
    return bool(asset["watchers"])


def scans_of(mapreel: Mapreel) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = mapreel.api("GET", "dags/scan_videos/dagRuns", params={"limit": 100})["dag_runs"]
    return found
