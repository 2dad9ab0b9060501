"""New, skip, resume, clear, reprocess: each as a user meets it, on a real Airflow and a real emulator."""

from __future__ import annotations

import pytest

from tests.integration.conftest import ALL, Mapreel, made

FILMS = [f"words/{name}.mov" for name in ("new", "clear", "all", "deleted", "stale", "reprocess")]


@pytest.fixture(scope="module")
def runs(mapreel: Mapreel) -> dict[str, str]:
    """Several films found by one scan and encoded; the run of each."""
    for film in FILMS:
        mapreel.upload(film)
    mapreel.scan(prefix="words/")
    found = {film: next(iter(mapreel.runs_of(film))) for film in FILMS}
    for film in FILMS:
        assert mapreel.finish("encode_video", found[film]) == "success"
    return found


def test_a_new_video_is_encoded_and_an_unchanged_one_is_skipped(mapreel: Mapreel, runs: dict[str, str]) -> None:
    run = runs["words/new.mov"]
    assert run.startswith("new.mov~")
    assert mapreel.output("words/new.mov") is not None
    assert made(mapreel.calls("words/new.mov")) == sorted(ALL, key=str)
    tasks = mapreel.tasks("encode_video", run)
    assert [tasks["encode_chunk", index]["rendered_map_index"] for index in range(3)] == [
        "chunk 0 · 0:00-0:02",
        "chunk 1 · 0:02-0:04",
        "chunk 2 · 0:04-0:06",
    ]
    assert all(task["pool"] == "encoding" for (name, _), task in tasks.items() if name == "encode_chunk")

    scan = mapreel.scan(prefix="words/new.mov")
    assert mapreel.tasks("scan_videos", scan)["find_new_videos", -1]["state"] == "skipped"
    assert "Input: 1 unchanged" in mapreel.log("scan_videos", scan, "find_new_videos")
    assert list(mapreel.runs_of("words/new.mov")) == [run]

    again = mapreel.start("encode_video", source="gs://mapreel-in/words/new.mov")
    assert mapreel.finish("encode_video", again) == "success"
    assert mapreel.tasks("encode_video", again)["merge_video", -1]["state"] == "skipped"
    assert "stands already, made from the same content" in mapreel.log("encode_video", again, "prepare_job")
    assert len(mapreel.calls("words/new.mov")) == len(ALL)


def test_clearing_one_chunk_makes_that_chunk_and_the_film_anew_and_nothing_else(
    mapreel: Mapreel, runs: dict[str, str]
) -> None:
    run = runs["words/clear.mov"]
    before = len(mapreel.calls("words/clear.mov"))
    mapreel.clear(run, "encode_chunk", 1)
    assert mapreel.finish("encode_video", run) == "success"
    assert made(mapreel.calls("words/clear.mov")[before:]) == [("encode", 1), ("merge", None)]
    assert "This task was cleared" in mapreel.log("encode_video", run, "encode_chunk", attempt=2, map_index=1)


def test_clearing_the_whole_run_makes_all_of_it_anew(mapreel: Mapreel, runs: dict[str, str]) -> None:
    run = runs["words/all.mov"]
    before = len(mapreel.calls("words/all.mov"))
    mapreel.clear(run, "prepare_job")
    assert mapreel.finish("encode_video", run) == "success"
    assert made(mapreel.calls("words/all.mov")[before:]) == sorted(ALL, key=str)


def test_a_deleted_output_makes_the_video_new_and_finished_chunks_are_taken(
    mapreel: Mapreel, runs: dict[str, str]
) -> None:
    run = runs["words/deleted.mov"]
    output = mapreel.output("words/deleted.mov")
    assert output is not None
    output.delete()
    before = len(mapreel.calls("words/deleted.mov"))
    mapreel.scan(prefix="words/deleted.mov")
    (second,) = set(mapreel.runs_of("words/deleted.mov")) - {run}
    assert second == f"{run}~2"
    assert mapreel.finish("encode_video", second) == "success"
    assert made(mapreel.calls("words/deleted.mov")[before:]) == [("merge", None)]
    assert mapreel.output("words/deleted.mov") is not None


def test_a_stale_output_is_counted_and_reprocess_makes_it_again(mapreel: Mapreel, runs: dict[str, str]) -> None:
    run = runs["words/stale.mov"]
    scan = mapreel.scan(prefix="words/stale.mov", overrides={"video": {"crf": 30}})
    assert "1 outputs are stale" in mapreel.log("scan_videos", scan, "find_new_videos")
    assert list(mapreel.runs_of("words/stale.mov")) == [run]

    mapreel.scan(prefix="words/stale.mov", overrides={"video": {"crf": 30}}, reprocess=True)
    (second,) = set(mapreel.runs_of("words/stale.mov")) - {run}
    assert mapreel.finish("encode_video", second) == "success"
    output = mapreel.output("words/stale.mov")
    assert output is not None
    assert output.metadata["mapreel-job"] == second.split("~")[1] != run.split("~")[1]


def test_reprocess_of_one_video_takes_chunks_whose_inputs_are_the_same(mapreel: Mapreel, runs: dict[str, str]) -> None:
    assert "words/reprocess.mov" in runs
    before = len(mapreel.calls("words/reprocess.mov"))
    run = mapreel.start("encode_video", source="gs://mapreel-in/words/reprocess.mov", reprocess=True)
    assert mapreel.finish("encode_video", run) == "success"
    assert made(mapreel.calls("words/reprocess.mov")[before:]) == [("merge", None)]


def set_slots(mapreel: Mapreel, slots: int) -> None:
    body = {"pool": "encoding", "slots": slots, "include_deferred": True}
    mapreel.api("PATCH", "pools/encoding", json=body)


def test_an_urgent_film_overtakes_and_the_pool_can_be_changed_while_runs_go_on(mapreel: Mapreel) -> None:
    pool = mapreel.api("GET", "pools/encoding")
    assert pool["include_deferred"] is True
    set_slots(mapreel, 1)
    try:
        slow = mapreel.start("encode_video", source=mapreel.upload("slow.mov", chunks=15, encode_s=3))
        mapreel.await_that(lambda: any(c.verb == "encode" for c in mapreel.calls("slow.mov")), "a chunk at work")
        urgent = mapreel.start("encode_video", source=mapreel.upload("urgent.mov", chunks=2), priority=50)
        assert mapreel.finish("encode_video", urgent) == "success"
        assert mapreel.state("encode_video", slow) == "running"
        set_slots(mapreel, 3)
        assert mapreel.finish("encode_video", slow) == "success"
    finally:
        set_slots(mapreel, pool["slots"])


def test_clearing_a_run_whose_video_changed_maps_its_chunks_anew(mapreel: Mapreel) -> None:
    mapreel.upload("remap.mov", chunks=4)
    mapreel.scan(prefix="remap.mov")
    (run,) = mapreel.runs_of("remap.mov")
    assert mapreel.finish("encode_video", run) == "success"
    mapreel.upload("remap.mov", chunks=2)
    mapreel.clear(run, "prepare_job")
    assert mapreel.finish("encode_video", run) == "success"
    tasks = mapreel.tasks("encode_video", run)
    states = [tasks["encode_chunk", index]["state"] for index in range(4)]
    assert states == ["success", "success", "removed", "removed"]
    output = mapreel.output("remap.mov")
    assert output is not None
    assert output.download_as_bytes() == b"2 chunks"


def test_an_output_is_an_asset_event_that_leads_to_source_job_and_report(
    mapreel: Mapreel, runs: dict[str, str]
) -> None:
    run = runs["words/new.mov"]
    found = mapreel.api("GET", "assets/events", params={"source_dag_id": "encode_video", "source_run_id": run})
    events = {event["name"]: event["extra"] for event in found["asset_events"]}
    assert events["mapreel_sources"]["source"] == "gs://mapreel-in/words/new.mov"
    made_of = events["mapreel_outputs"]
    assert made_of["job"] == run.split("~")[1]
    assert made_of["output"] == "gs://mapreel-out/words/new.mov.mkv"
    assert made_of["report"] == "gs://mapreel-out/words/new.mov.mkv.report.json"
