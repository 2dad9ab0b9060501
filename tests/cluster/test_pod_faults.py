"""What may happen to a pod: each time the film comes out whole, or the task's log says why not."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
import yaml
from kubernetes.client import models as k8s

from tests.cluster.airflow import Run, TestStack
from tests.cluster.film import check_film
from tests.cluster.pods import PodWatcher
from tests.waiting import await_that

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


def await_log(run: Run, task_id: str, text: str, timeout_s: float = 180) -> str:
    def look() -> str | None:
        if not any(task.try_number for task in run.tasks(task_id)):
            return None
        log = run.log(task_id)
        return log if text in log else None

    return await_that(f"{text!r} in the log of {task_id}", look, timeout_s, 2)


def await_work(pods: PodWatcher) -> k8s.V1Pod:
    """Wait until the program of a chunk's pod is at work, and return the pod."""
    pod = await_that("a running chunk", lambda: pods.current("encode", "Running"))[0]
    name = pod.metadata.name
    await_that(
        "its first words",
        lambda: "INFO encode gs://" in pods.client.read_namespaced_pod_log(name, pods.namespace),
    )
    return pod


def test_a_killed_pod_is_started_over_within_its_try(
    stack: TestStack, pods: PodWatcher, film: Path, tmp_path: Path
) -> None:
    run = stack.start_slow_chunk(film, pods)
    name = await_work(pods).metadata.name
    stack.reset_template()  # its successor need not last
    subprocess.run(
        ["kubectl", "-n", pods.namespace, "delete", "pod", name, "--force", "--grace-period=0"],
        check=True,
        capture_output=True,
    )

    assert run.await_end() == "success"
    check_film(film, run.output(tmp_path))
    assert pods.encodes_beyond(1) == 1
    assert [task.try_number for task in run.tasks("encode_chunk")] == [1]
    assert "uses up no attempt (1 of 10 disruptions)" in run.log("encode_chunk", 0)


def test_a_pod_out_of_memory_gets_twice_as_much_until_it_is_enough(
    stack: TestStack, pods: PodWatcher, film: Path, tmp_path: Path
) -> None:
    # So little that even the program does not start in it, and far from what an encoder takes.
    stack.change_encoder(resources={"limits": {"memory": "40Mi"}, "requests": {"cpu": "250m"}})
    run = stack.start(film, chunk_s=0)
    assert run.await_end(600) == "success"
    check_film(film, run.output(tmp_path))
    (task,) = run.tasks("encode_chunk")
    assert task.try_number == 1
    sizes = [seen.memory for seen in pods.encodes()]
    assert len(sizes) > 1
    assert sizes == [f"{40 * 2**times}Mi" for times in range(len(sizes))]
    assert "Starting it over with 80 MiB" in run.log("encode_chunk", 0)


def test_an_image_that_cannot_be_pulled_is_said_within_minutes(stack: TestStack, pods: PodWatcher, film: Path) -> None:
    stack.change_encoder(image="localhost/there-is-no-such-image:1", imagePullPolicy="IfNotPresent")
    started = time.monotonic()
    run = stack.start(film)
    log = await_log(run, "split_video", "check MAPREEL_ENCODER_IMAGE")
    assert time.monotonic() - started < 150
    assert "image localhost/there-is-no-such-image:1 cannot be pulled" in log
    run.mark_failed()


def test_an_unschedulable_pod_says_what_it_waits_for(stack: TestStack, pods: PodWatcher, film: Path) -> None:
    template = yaml.safe_load(stack.template.read_text())
    template["spec"]["nodeSelector"] = {"there-is": "no-such-node"}
    stack.set_template(yaml.safe_dump(template))
    run = stack.start(film)
    log = await_log(run, "split_video", "no node takes it")
    assert "didn't match node selector" in log or "didn't match Pod's node affinity" in log
    assert "MAPREEL_POD_TEMPLATE" in log
    run.mark_failed()


def test_a_chunk_cleared_while_it_runs_is_made_anew_beside_no_other(
    stack: TestStack, pods: PodWatcher, film: Path, tmp_path: Path
) -> None:
    run = stack.start_slow_chunk(film, pods)
    victim = await_work(pods)
    stack.reset_template()
    run.clear("encode_chunk", 0)

    assert run.await_end() == "success"
    check_film(film, run.output(tmp_path))
    assert pods.encodes_beyond(1) == 1
    first = pods.encodes()[0]
    assert first.uid == victim.metadata.uid
    assert "Succeeded" not in first.phases
    # The clearing is a try of its own; the new one did not fail on the pod that was being deleted.
    assert run.tasks("encode_chunk")[0].try_number == 2
