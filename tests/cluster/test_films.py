"""A film on the cluster, with nothing going wrong, and what a user sees of it meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.airflow import TestStack
from tests.cluster.film import check_film
from tests.cluster.pods import PodWatcher
from tests.waiting import await_that

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


def test_a_film_is_encoded_on_the_cluster(stack: TestStack, pods: PodWatcher, film: Path, tmp_path: Path) -> None:
    run = stack.start(film, chunk_s=10)

    pod = await_that("a pod", lambda: pods.current("encode"))[0]
    labels = pod.metadata.labels
    found = pods.client.list_namespaced_pod(
        pods.namespace, label_selector=f"mapreel/job={labels['mapreel/job']},mapreel/chunk={labels['mapreel/chunk']}"
    ).items
    assert [each.metadata.uid for each in found] == [pod.metadata.uid]
    assert labels["mapreel/video"] == film.name

    assert run.await_end() == "success"
    check_film(film, run.output(tmp_path))
    assert pods.encodes_beyond(3) == 0
    assert {task.try_number for task in run.tasks("encode_chunk")} == {1}
    log = run.log("encode_chunk", 0)
    for line in ("INFO encode gs://", "encode done in"):
        assert log.count(line) == 1
    assert {seen.verb for seen in pods.seen.values()} == {"split", "encode", "encode-audio", "merge"}
    assert log.count("has succeeded and is deleted") == 1, "the task was woken for its end"


def test_a_finished_chunk_that_is_cleared_is_made_anew_and_no_other(
    stack: TestStack, pods: PodWatcher, film: Path, tmp_path: Path
) -> None:
    run = stack.start(film, chunk_s=10)
    assert run.await_end() == "success"
    run.clear("encode_chunk", 1)
    assert run.await_end() == "success"
    assert [task.try_number for task in run.tasks("encode_chunk")] == [1, 2, 1]
    assert pods.encodes_beyond(3) == 1
    log = run.log("encode_chunk", 1, try_number=2)
    for line in ("so its result is made anew: deleted gs://", "encode done in", "has succeeded and is deleted"):
        assert log.count(line) == 1
    check_film(film, run.output(tmp_path))


def test_what_a_pod_says_is_in_its_tasks_log_while_it_runs(stack: TestStack, pods: PodWatcher, film: Path) -> None:
    run = stack.start_slow_chunk(film, pods)
    await_that("a try", lambda: any(task.try_number for task in run.tasks("encode_chunk")))
    await_that("the pod's first words", lambda: "INFO encode gs://" in run.log("encode_chunk", 0))
    assert pods.current("encode", "Running")
    stack.reset_template()
    assert run.await_end() == "success"


def test_bad_input_fails_at_once(stack: TestStack, pods: PodWatcher, tmp_path: Path) -> None:
    nothing = tmp_path / "no film.mp4"
    nothing.write_bytes(b"this is no film" * 1000)
    run = stack.start(nothing)
    assert run.await_end() == "failed"
    (split,) = run.tasks("split_video")
    assert (split.state, split.try_number) == ("failed", 1)
    assert "exit 65 (bad input): gs://films-of-the-tests/no film.mp4: is no video" in run.log("split_video")
    assert len(pods.seen) == 1
