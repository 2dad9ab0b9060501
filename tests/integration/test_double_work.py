"""No double work, and no lost work: bad input, the same film twice, a limit, an Airflow that forgot."""

from __future__ import annotations

from urllib.parse import quote

from encoding_contract.job import JobId, parse_gs_url
from encoding_contract.objects import JobObjects
from encoding_flow.bucket import Bucket
from encoding_flow.claims import WorkBucketClaims
from local_stack.environment import WORK_BUCKET
from tests.integration.conftest import ALL, Mapreel, made


def test_bad_input_fails_at_once_and_is_not_started_again(mapreel: Mapreel) -> None:
    mapreel.upload("bad.mov", is_bad=True)
    mapreel.scan(prefix="bad.mov")
    (run,) = mapreel.runs_of("bad.mov")
    assert mapreel.finish("encode_video", run) == "failed"
    assert mapreel.tasks("encode_video", run)["split_video", -1]["try_number"] == 1

    scan = mapreel.scan(prefix="bad.mov")
    assert list(mapreel.runs_of("bad.mov")) == [run]
    assert f"Failed, and not started again until it is cleared: run {run}" in mapreel.log(
        "scan_videos", scan, "find_new_videos"
    )

    mapreel.upload("bad.mov", chunks=1)  # other content
    mapreel.scan(prefix="bad.mov")
    (second,) = set(mapreel.runs_of("bad.mov")) - {run}
    assert mapreel.finish("encode_video", second) == "success"


def test_the_same_video_by_hand_twice_and_by_a_scan_runs_once(mapreel: Mapreel) -> None:
    source = mapreel.upload("twice.mov", gate="twice.txt")
    first = mapreel.start("encode_video", source=source)
    mapreel.await_that(lambda: bool(mapreel.calls("twice.mov")), "the first run at work")
    second = mapreel.start("encode_video", source=source)
    scan = mapreel.scan(prefix="twice.mov")
    assert "1 under way" in mapreel.log("scan_videos", scan, "find_new_videos")
    assert mapreel.finish("encode_video", second) == "success"
    assert f"Run {first} is encoding" in mapreel.log("encode_video", second, "prepare_job")
    mapreel.upload("twice.txt")  # the encoders go on
    assert mapreel.finish("encode_video", first) == "success"
    assert made(mapreel.calls("twice.mov")) == sorted(ALL, key=str)


def test_a_scheduled_scan_leaves_a_film_alone_that_somebody_encodes_with_other_settings(mapreel: Mapreel) -> None:
    source = mapreel.upload("wanted.mov", gate="wanted.txt")
    run = mapreel.start("encode_video", source=source, crf=30)
    mapreel.await_that(lambda: bool(mapreel.calls("wanted.mov")), "the run at work")
    claims = WorkBucketClaims(Bucket(WORK_BUCKET, lambda: mapreel.storage))
    assert claims.last_at(parse_gs_url(source)) == run
    mapreel.upload("wanted.txt")
    assert mapreel.finish("encode_video", run) == "success"


def test_one_scan_starts_so_many_runs_the_oldest_first_and_the_next_one_the_rest(mapreel: Mapreel) -> None:
    films = [f"many/{name}.mov" for name in "cab"]
    for film in films:
        mapreel.upload(film, chunks=1)
    mapreel.scan(prefix="many/", limit=2)
    assert [bool(mapreel.runs_of(film)) for film in films] == [True, True, False]
    mapreel.scan(prefix="many/", limit=2)
    assert [len(mapreel.runs_of(film)) for film in films] == [1, 1, 1]


def test_what_airflow_forgets_is_neither_encoded_again_nor_lost(mapreel: Mapreel) -> None:
    """Skip and resume go by the buckets alone: Airflow's database, or all of Airflow, may be another one."""
    film = "forgotten.mov"
    mapreel.upload(film)
    mapreel.scan(prefix=film)
    (run,) = mapreel.runs_of(film)
    assert mapreel.finish("encode_video", run) == "success"
    mapreel.api("DELETE", f"dags/encode_video/dagRuns/{quote(run, safe='')}")

    scan = mapreel.scan(prefix=film)
    assert "Input: 1 unchanged" in mapreel.log("scan_videos", scan, "find_new_videos")
    assert mapreel.runs_of(film) == {}

    # As after a power cut in the middle: a chunk and the output are missing, all else stands.
    output = mapreel.output(film)
    assert output is not None
    output.delete()
    mapreel.storage.bucket(WORK_BUCKET).blob(JobObjects(JobId(run.split("~")[1])).chunk_manifest(1)).delete()
    before = len(mapreel.calls(film))
    mapreel.scan(prefix=film)
    (again,) = mapreel.runs_of(film)
    assert mapreel.finish("encode_video", again) == "success"
    assert made(mapreel.calls(film)[before:]) == [("encode", 1), ("merge", None)]
