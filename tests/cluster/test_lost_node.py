"""A node that is taken away in the middle of a long film, as a spot machine is, and brought back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.airflow import TestStack
from tests.cluster.film import check_film, make_clip
from tests.cluster.pods import PodWatcher
from tests.waiting import await_that

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]

CHUNKS = 15
MIDDLING_VIDEO = {"codec": "libx264", "crf": 24, "preset": "slow"}


def test_a_film_of_five_minutes_survives_the_loss_of_a_node(
    stack: TestStack,
    pods: PodWatcher,
    tmp_path: Path,
    node_switch: Callable[[str, str], None],
) -> None:
    film = make_clip(tmp_path / "five minutes.mp4", 300)
    run = stack.start(film, chunk_s=20, video=MIDDLING_VIDEO)
    await_that("chunks done", lambda: sum(t.state == "success" for t in run.tasks("encode_chunk")) >= 3, 400, 2)
    node = last_node(pods)
    await_that("a chunk on the last node", lambda: on_node(pods, node, "Running"), 300)
    node_switch("down", node)
    # Until the cluster has noticed, it sends more pods there.
    await_that("the node to be missed", lambda: not is_ready(pods, node), 90, 2)
    lost = on_node(pods, node, "Running") | on_node(pods, node, "Pending")
    assert lost
    time.sleep(70)  # longer than Kubernetes and Mapreel need to give the node up
    node_switch("up", node)

    assert run.await_end(900) == "success"
    check_film(film, run.output(tmp_path))
    assert len(run.tasks("encode_chunk")) == CHUNKS
    # One more encode for each chunk that was on the node when it went, and none for any other.
    assert 0 < pods.encodes_beyond(CHUNKS) <= len(lost)
    assert {task.try_number for task in run.tasks("encode_chunk")} == {1}


def on_node(pods: PodWatcher, node: str, phase: str) -> set[str]:
    return {pod.metadata.uid for pod in pods.current("encode", phase) if pod.spec.node_name == node}


def is_ready(pods: PodWatcher, node: str) -> bool:
    conditions = pods.client.read_node(node).status.conditions
    return any(condition.type == "Ready" and condition.status == "True" for condition in conditions)


def last_node(pods: PodWatcher) -> str:
    names = sorted(node.metadata.name for node in pods.client.list_node().items)
    assert len(names) > 1, "one node cannot be lost"
    return str(names[-1])
