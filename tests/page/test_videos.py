"""The list and the page of one video: states, words, escaping, and what looking costs."""

from __future__ import annotations

import asyncio
import html
import re
import time
from datetime import timedelta
from urllib.parse import quote

import pytest

from encoding_contract.objects import thumbnail_name
from encoding_page.airflow_api import Run
from encoding_page.catalogue import join_listings
from encoding_page.keeping import Kept
from encoding_page.runs import latest_of_each
from encoding_page.standing import State, judge
from encoding_page.table import Column, Wish, lay_out
from tests.page.airflow_fake import run_row
from tests.page.bucket_fakes import LATER, NOON, Shelf
from tests.page.conftest import Site

HOSTILE = "<script>alert(1)</script>/\"' onload=x&#?%2F{{7*7}} 日本.mp4"


def run(state: str, at: str = "2026-01-31T12:30:00Z", run_id: str = "r") -> Run:
    return Run.model_validate(run_row(run_id, "gs://films/film.mp4", state, at))


def state_of(shelf: Shelf, last: Run | None = None) -> State:
    (video,) = join_listings(shelf.open("films").list(), shelf.open("made").list(), "")
    return judge(video, last, lambda made: made.profile_fingerprint == "old").state


def test_states_without_a_run() -> None:
    shelf = Shelf()
    source = shelf.put("films", "film.mp4")
    assert state_of(shelf) is State.NEW
    shelf.publish(source)
    assert state_of(shelf) is State.DONE
    shelf.publish(source, fingerprint="old")
    assert state_of(shelf) is State.STALE
    shelf.put("films", "film.mp4", size=2000)
    assert state_of(shelf) is State.NEW


def test_states_with_a_run() -> None:
    shelf = Shelf()
    source = shelf.put("films", "film.mp4")
    assert state_of(shelf, run("queued")) is State.WAITING
    assert state_of(shelf, run("running")) is State.RUNNING
    assert state_of(shelf, run("failed")) is State.FAILED
    shelf.publish(source)
    assert state_of(shelf, run("running")) is State.RUNNING
    # What came after the failure counts: an output, or another content of the source.
    assert state_of(shelf, run("failed")) is State.DONE
    assert state_of(shelf, run("failed", "2026-01-31T14:00:00Z")) is State.FAILED
    shelf.put("films", "film.mp4", size=2000, at=LATER + timedelta(hours=9))
    assert state_of(shelf, run("failed", "2026-01-31T14:00:00Z")) is State.NEW


def test_a_run_under_way_counts_before_a_later_one_that_failed() -> None:
    under_way = run("running", "2026-01-31T12:00:00Z", "a")
    failed = run("failed", "2026-01-31T12:30:00Z", "b")
    assert (
        latest_of_each([under_way, failed]) == latest_of_each([failed, under_way]) == {under_way.source_url: under_way}
    )


def test_a_failed_run_is_not_hidden_by_one_that_left_the_job_to_it(site: Site) -> None:
    site.shelf.put("films", "film.mp4")
    failed = run_row("at it", "gs://films/film.mp4", "failed", "2026-01-31T12:30:00Z")
    skipped = run_row("skipped", "gs://films/film.mp4", "success", "2026-01-31T12:30:10Z")
    site.airflow.runs = [skipped, failed]
    site.airflow.tasks = [{"task_id": "split_video", "map_index": -1, "state": "failed", "try_number": 1}]
    site.airflow.log = [{"event": "x", "error_detail": [{"exc_value": "exit 65 (bad input): is no video"}]}]
    text = site.client.get("/video?name=film.mp4").text
    assert "is no video" in text
    assert "runs/at%20it" in text
    assert "failed 1" in " ".join(re.sub("<[^>]*>", " ", site.client.get("/videos").text).split())


def test_chunks_are_those_of_the_run_that_made_them(site: Site) -> None:
    site.shelf.publish(site.shelf.put("films", "film.mp4"))
    site.airflow.runs = [
        run_row("left-alone", "gs://films/film.mp4", "success", "2026-01-31T13:00:00Z"),
        run_row("made-it", "gs://films/film.mp4", "success"),
    ]
    done = {"map_index": -1, "try_number": 1}
    site.airflow.tasks = [
        {**done, "of": "left-alone", "task_id": "split_video", "state": "skipped"},
        {**done, "of": "made-it", "task_id": "split_video", "state": "success"},
    ]
    text = site.client.get("/video?name=film.mp4").text
    assert "runs/made-it/tasks/split_video" in text
    assert "left-alone" not in text


def test_an_output_without_source_is_shown_and_two_containers_are_one_video() -> None:
    shelf = Shelf()
    source = shelf.put("films", "film.mp4")
    shelf.publish(source)
    del shelf.objects["films"]["film.mp4"]
    other = shelf.put("films", "other.mp4")
    shelf.publish(other, at=NOON)
    webm = shelf.publish(other).replace(".mkv", ".webm")
    shelf.objects["made"][webm] = shelf.put(
        "made", webm, at=LATER, metadata=shelf.objects["made"]["other.mp4.mkv"].metadata
    )
    shelf.put("made", thumbnail_name(webm))
    shelf.put("films", "notes.txt")
    found = {video.name: video for video in join_listings(shelf.open("films").list(), shelf.open("made").list(), "")}
    assert set(found) == {"film.mp4", "other.mp4"}
    assert found["film.mp4"].source is None
    assert found["other.mp4"].output is not None
    assert found["other.mp4"].output.published.profile == "p"


def test_hostile_names_are_text_everywhere(site: Site) -> None:
    source = site.shelf.put("films", HOSTILE)
    site.airflow.runs = [run_row("r<b>&'\"", f"gs://films/{HOSTILE}", "failed", "2026-01-31T14:00:00Z")]
    site.airflow.tasks = [{"task_id": "split_video", "map_index": -1, "state": "failed", "try_number": 1}]
    site.airflow.log = [{"event": "x", "error_detail": [{"exc_value": f"{HOSTILE}: is no video"}]}]
    site.shelf.publish(source)
    paths = [
        "/videos",
        "/videos?search=" + quote("<script>alert(1)</script>"),
        "/videos?search=" + quote('"><img src=x>'),
        "/video?name=" + quote(HOSTILE, safe=""),
        "/now?was=new&name=" + quote(HOSTILE, safe=""),
        "/video?name=" + quote("<b>none</b>.mp4"),
        "/static/" + quote("<b>"),
    ]
    for path in paths:
        text = site.client.get(path).text
        assert "<script>alert" not in text, path
        assert "<img src=x" not in text, path
        assert "<b>none" not in text, path
    text = site.client.get(paths[3]).text
    assert f"{HOSTILE}: is no video" in html.unescape(text)
    assert f"name={quote(HOSTILE, safe='')}" in text


def test_a_failed_video_has_its_reason(site: Site) -> None:
    site.shelf.put("films", "film.mp4")
    site.airflow.runs = [run_row("r", "gs://films/film.mp4", "failed")]
    early = {"task_id": "split_video", "map_index": -1, "state": "failed", "try_number": 1}
    site.airflow.tasks = [{**early, "end_date": "2026-01-31T12:31:00Z"}]
    site.airflow.log = [{"event": "x", "error_detail": [{"exc_value": "exit 65 (bad input): is no video"}]}]
    listed = site.client.get("/videos").text
    assert 'hx-get="reason?run_id=r"' in listed
    assert "is no video" in site.client.get("/reason?run_id=r").text
    # From then on it stands in the list, and no log is read again.
    assert "is no video" in site.client.get("/table").text
    assert "is no video" in site.client.get("/video?name=film.mp4").text
    assert sum("/logs/" in request.url.path for request in site.airflow.asked) == 1
    assert 'action="retry"' in site.client.get("/now?was=failed&name=film.mp4").text


def test_the_tab_of_a_run_leads_to_its_video(site: Site) -> None:
    site.airflow.runs = [run_row("r", "gs://films/a b.mp4"), run_row("s", "gs://elsewhere/x.mp4")]
    assert site.client.get("/run?dag_id=encode_video&run_id=r").headers["location"] == "video?name=a%20b.mp4"
    assert "is not in gs://films/" in site.client.get("/run?dag_id=encode_video&run_id=s").text
    assert "encodes no video by itself" in site.client.get("/run?dag_id=scan_videos&run_id=r").text


def test_ten_thousand_videos_cost_one_listing_for_all_visitors(site: Site) -> None:
    for number in range(10_000):
        source = site.shelf.put("films", f"season {number % 40:02}/film {number:05}.mp4", size=1000 + number)
        if number % 3:
            site.shelf.publish(source, at=LATER)
    site.airflow.runs = [
        run_row(f"r{n}", f"gs://films/season 00/film {n:05}.mp4", "failed") for n in range(0, 6000, 40)
    ]
    begun = time.monotonic()
    first = site.client.get("/videos")
    assert time.monotonic() - begun < 10, "two seconds on an idle machine; ten on a busy one"
    assert "10000 videos, page 1 of 400" in first.text
    assert first.text.count("<tr>") == 26
    for path in ("/table", "/videos?state=failed", "/videos?search=season+07+film", "/videos?sort=after&page=300"):
        assert site.client.get(path).status_code == 200
    assert site.shelf.listings == {("films", ""): 1, ("made", ""): 1}
    # A page of runs has 100 rows; what is known is not asked for again.
    pages = [request for request in site.airflow.asked if request.url.path.endswith("/dagRuns")]
    assert len([request for request in pages if "updated_at_gte" not in request.url.params]) == 2


def test_filter_search_sort_and_pages() -> None:
    shelf = Shelf()
    for number in range(60):
        source = shelf.put("films", f"Film {number:02} {'red' if number % 2 else 'blue'}.mp4", size=1000 - number)
        if number < 30:
            shelf.publish(source, size=number)
    videos = join_listings(shelf.open("films").list(), shelf.open("made").list(), "")
    standings = [judge(video, None, lambda *_: False) for video in videos]

    page = lay_out(standings, Wish(search="RED film", state=State.DONE, sort=Column.AFTER, is_up=True, rows=10, page=2))

    assert (page.total, page.pages, page.number) == (15, 2, 2)
    assert [one.video.name for one in page.rows] == [f"Film {number} red.mp4" for number in (21, 23, 25, 27, 29)]
    assert page.counts == {State.NEW: 30, State.DONE: 30}
    # What has no output comes last, whichever way outputs are sorted.
    for is_up in (True, False):
        rows = lay_out(standings, Wish(sort=Column.AFTER, is_up=is_up, rows=100)).rows
        assert all(one.video.output is None for one in rows[30:])
    assert lay_out(standings, Wish(page=99)).number == 3


@pytest.mark.parametrize("query", ["sort=nothing", "page=0", "rows=9999", "state=odd", "page=x"])
def test_a_wish_that_is_none_is_refused_in_words(site: Site, query: str) -> None:
    answer = site.client.get(f"/videos?{query}")
    assert answer.status_code == 422
    assert query.split("=")[0] in answer.text


def test_one_visitor_makes_anew_while_the_others_go_on_with_the_old() -> None:
    now = [0.0]

    async def look() -> None:
        kept: Kept[int] = Kept(max_age_s=10, clock=lambda: now[0])
        made = 0
        gate = asyncio.Event()

        async def make() -> int:
            nonlocal made
            made += 1
            mine = made
            if mine > 1:
                await gate.wait()
            return mine

        assert await asyncio.gather(*(kept.get(make) for _ in range(5))) == [1] * 5
        now[0] = 11
        assert await asyncio.gather(*(kept.get(make) for _ in range(5))) == [1] * 5
        gate.set()
        await asyncio.sleep(0.01)
        assert (await kept.get(make), made) == (2, 2)

    asyncio.run(look())


def test_a_bucket_that_does_not_answer_leaves_the_old_picture_with_a_word() -> None:
    now = [0.0]

    async def look() -> None:
        kept: Kept[str] = Kept(max_age_s=1, clock=lambda: now[0])

        async def good() -> str:
            return "old"

        async def bad() -> str:
            raise OSError("gone")

        assert await kept.get(good) == "old"
        now[0] = 5
        assert await kept.get(bad) == "old"
        await asyncio.sleep(0.01)
        assert (await kept.get(good), kept.problem) == ("old", "gone")

    asyncio.run(look())
