from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import models as k8s
from tests.flow.pod_samples import NOW, end_container, make_live_pod

from encoding_flow.pod_sweep import sweep_pods

LATER = NOW + timedelta(minutes=5)


class FakeCluster:
    """A namespace of pods, handed out one a page."""

    def __init__(self, *pods: k8s.V1Pod) -> None:
        self.pods = list(pods)
        self.deleted: list[str] = []

    def list_namespaced_pod(self, namespace: str, label_selector: str, limit: int, _continue: str | None) -> Any:
        assert (namespace, label_selector) == ("mapreel", "app.kubernetes.io/name=mapreel-encoder")
        start = int(_continue or 0)
        following = str(start + 1) if start + 1 < len(self.pods) else None
        return SimpleNamespace(items=self.pods[start : start + 1], metadata=SimpleNamespace(_continue=following))

    def delete_namespaced_pod(self, name: str, namespace: str, body: Any) -> None:
        self.deleted.append(name)


def sweep(cluster: FakeCluster, states: Mapping[str, Mapping[str, str | None]], now: Any = LATER) -> list[str]:
    return sweep_pods(cluster, "mapreel", lambda dag_id, run_ids: states, now)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", ["success", "failed", "removed", None])
def test_pods_of_tasks_that_are_over_go_and_others_stay(state: str | None) -> None:
    over, running = make_live_pod(chunk=1, map_index=1), make_live_pod(chunk=2, map_index=2)
    cluster = FakeCluster(over, running)
    states = {"manual__1": {"encode_chunk_2": "deferred"}}
    if state is not None:
        states["manual__1"]["encode_chunk_1"] = state
    assert sweep(cluster, states) == [over.metadata.name] == cluster.deleted


@pytest.mark.parametrize("state", ["running", "queued", "scheduled", "deferred", "up_for_retry", "restarting"])
def test_a_finished_pod_is_left_to_a_task_that_may_still_take_it(state: str) -> None:
    cluster = FakeCluster(end_container(make_live_pod(), 0))
    assert sweep(cluster, {"manual__1": {"encode_chunk_7": state}}) == []


def test_a_task_that_has_no_state_yet_keeps_its_pod() -> None:
    assert sweep(FakeCluster(make_live_pod()), {"manual__1": {"encode_chunk_7": None}}) == []


def test_a_young_pod_a_terminating_one_and_a_strangers_stay() -> None:
    stranger, terminating = make_live_pod(), make_live_pod()
    stranger.metadata.annotations = {}
    terminating.metadata.deletion_timestamp = NOW
    assert sweep(FakeCluster(stranger, terminating), {}) == []
    assert sweep(FakeCluster(make_live_pod()), {}, NOW + timedelta(seconds=5)) == []


def test_an_unmapped_task_is_known_by_its_own_name() -> None:
    pod = make_live_pod(chunk=None, map_index=-1, task_id="merge_video")
    assert sweep(FakeCluster(pod), {"manual__1": {"merge_video": "deferred"}}) == []
    assert sweep(FakeCluster(pod), {"manual__1": {"merge_video": "success"}}) == [pod.metadata.name]
