"""A run's end and a missed deadline reach the webhook of an Airflow connection, through a real Airflow."""

from __future__ import annotations

from urllib.parse import quote

from local_stack.environment import INPUT_BUCKET
from tests.integration.conftest import Mapreel


def test_success_and_failure_are_told_once_and_a_skipped_run_is_not(mapreel: Mapreel) -> None:
    bell = mapreel.bell
    good = mapreel.upload("telling/good.mov")
    run = mapreel.start("encode_video", source=good)
    assert mapreel.finish("encode_video", run) == "success"
    again = mapreel.start("encode_video", source=good)
    assert mapreel.finish("encode_video", again) == "success"  # skipped: the output stands
    bad = mapreel.upload("telling/bad.mov", is_bad=True)
    failed = mapreel.start("encode_video", source=bad)
    assert mapreel.finish("encode_video", failed) == "failed"

    ended = ("success", "failure")
    mapreel.await_that(lambda: bool(bell.told_of(good) and bell.told_of(bad)), "news of both runs")
    (news,) = [news for news in bell.told_of(good) if news["event"] in ended]
    assert (news["event"], news["run_id"], news["output"]) == ("success", run, "gs://mapreel-out/telling/good.mov.mkv")
    (news,) = [news for news in bell.told_of(bad) if news["event"] in ended]
    assert (news["event"], news["run_id"], news["task"]) == ("failure", failed, "split_video")
    assert "exit 65 (bad input): it is no video" in news["error"]
    assert news["link"].endswith(f"/dags/encode_video/runs/{quote(failed, safe='')}/tasks/split_video")
    assert not [news for news in bell.rung if news["run_id"] == again]


def test_a_run_that_misses_its_deadline_is_told_of_while_it_goes_on(mapreel: Mapreel) -> None:
    film = mapreel.upload("telling/slow.mov", gate="telling/gate")
    run = mapreel.start("encode_video", source=film)
    mapreel.await_that(lambda: bool(mapreel.bell.told_of(film)), "news of a late run")
    assert [news["event"] for news in mapreel.bell.told_of(film)] == ["late"]
    assert mapreel.state("encode_video", run) == "running"
    mapreel.storage.bucket(INPUT_BUCKET).blob("telling/gate").upload_from_string("open")
    assert mapreel.finish("encode_video", run) == "success"
