"""A backfill of scan_videos, by the arrival of the videos, with each of Airflow's reprocess behaviours."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.integration.conftest import Mapreel

pytestmark = pytest.mark.faults  # for its time

FILM = "backfill/old.mov"
START, END = "2025-06-01T00:00:00Z", "2025-06-01T23:59:00Z"


def backdate(mapreel: Mapreel, film: str, arrived: str) -> None:
    """Have the emulator say that a film came at another time: it keeps an object's facts beside its file."""
    (path,) = mapreel.home.rglob(film)
    facts = json.loads(os.getxattr(path, "user.metadata"))
    os.setxattr(path, "user.metadata", json.dumps({**facts, "Updated": arrived}).encode())


def backfill(mapreel: Mapreel, behaviour: str, **conf: Any) -> None:
    body = {
        "dag_id": "scan_videos",
        "from_date": START,
        "to_date": END,
        "reprocess_behavior": behaviour,
        "dag_run_conf": {"prefix": "backfill/", **conf},
    }

    def create() -> bool:
        # Airflow refuses a backfill while SQLite is busy, with 500 or 503, and with 409 while another one is open.
        answer = mapreel.request("POST", "backfills", json=body)
        assert answer.status_code in (200, 409, 500, 503), answer.text
        return answer.is_success

    mapreel.await_that(create, "a backfill to be created")
    mapreel.await_that(lambda: {run["state"] for run in scans(mapreel)} == {"success"}, "the end of its scans")


def scans(mapreel: Mapreel) -> list[dict[str, Any]]:
    query = {"limit": 100, "run_type": "backfill", "order_by": "-run_after"}
    return list(mapreel.api("GET", "dags/scan_videos/dagRuns", params=query)["dag_runs"])


def scan_tries(mapreel: Mapreel) -> list[int]:
    runs = [mapreel.tasks("scan_videos", run["dag_run_id"]) for run in scans(mapreel)]
    return [tasks["find_new_videos", -1]["try_number"] for tasks in runs]


@pytest.fixture(scope="module")
def filled(mapreel: Mapreel) -> Mapreel:
    """After one backfill; one of the two films had come within its interval."""
    mapreel.upload(FILM, chunks=1)
    mapreel.upload("backfill/new.mov", chunks=1)
    # Whatever the hour at which the day's interval begins, this lies in it.
    backdate(mapreel, FILM, "2025-06-01T23:59:30Z")
    backfill(mapreel, "none")
    (run,) = mapreel.runs_of(FILM)
    assert mapreel.finish("encode_video", run) == "success"
    return mapreel


def test_each_interval_finds_the_videos_that_arrived_in_it(filled: Mapreel) -> None:
    assert len(filled.runs_of(FILM)) == 1
    assert filled.runs_of("backfill/new.mov") == {}


def test_none_and_failed_leave_finished_intervals_and_completed_scans_them_again(filled: Mapreel) -> None:
    before = scan_tries(filled)
    backfill(filled, "none")
    backfill(filled, "failed")
    assert scan_tries(filled) == before
    backfill(filled, "completed", overrides={"video": {"crf": 31}})
    assert all(now > then for now, then in zip(scan_tries(filled), before, strict=True))
    assert len(filled.runs_of(FILM)) == 1  # a changed profile alone makes nothing new
    backfill(filled, "completed", overrides={"video": {"crf": 31}}, reprocess=True)
    assert len(filled.runs_of(FILM)) == 2
