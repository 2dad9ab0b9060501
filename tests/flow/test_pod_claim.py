from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kubernetes.client import models as k8s
from kubernetes.client.exceptions import ApiException
from tests.flow.pod_samples import end_container, make_live_pod, make_pod

from encoding_contract.errors import TransientFault
from encoding_flow import pod_claim
from encoding_flow.pod_claim import PodClaim


class FakeCluster:
    """One pod name of an API server: refuses a second pod, and takes a while to delete one."""

    def __init__(self, pod: k8s.V1Pod | None = None, polls_until_gone: int = 2) -> None:
        self.pod = pod
        self.created: list[k8s.V1Pod] = []
        self.deletions: list[int | None] = []
        self._polls_until_gone = polls_until_gone
        self.refusal: ApiException | None = None

    def read_namespaced_pod(self, name: str, namespace: str) -> k8s.V1Pod:
        if self.pod is not None and self.pod.metadata.deletion_timestamp is not None:
            self._polls_until_gone -= 1
            if self._polls_until_gone < 0:
                self.pod = None
        if self.pod is None:
            raise ApiException(status=404)
        return self.pod

    def create_namespaced_pod(self, namespace: str, pod: k8s.V1Pod) -> k8s.V1Pod:
        if self.refusal is not None:
            raise self.refusal
        if self.pod is not None:
            raise ApiException(status=409, reason="AlreadyExists")
        self.pod = pod
        self.created.append(pod)
        return pod

    def delete_namespaced_pod(self, name: str, namespace: str, body: Any) -> None:
        assert self.pod is not None
        assert body.preconditions.uid == self.pod.metadata.uid
        self.deletions.append(body.grace_period_seconds)
        self.pod.metadata.deletion_timestamp = datetime.now(UTC)
        if body.grace_period_seconds == 0:
            self.pod = None


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_claim, "_POLL_S", 0.0)


def take(cluster: FakeCluster, **wanted: Any) -> k8s.V1Pod:
    claim = PodClaim(cluster, make_pod(**wanted))  # type: ignore[arg-type]
    return claim.take(claim.clear_way())


def test_where_there_is_none_a_pod_is_started() -> None:
    cluster = FakeCluster()
    assert take(cluster) is cluster.created[0]


@pytest.mark.parametrize("phase", ["Pending", "Running"])
def test_a_pod_at_this_work_is_taken_over(phase: str) -> None:
    cluster = FakeCluster(make_live_pod(phase))
    assert take(cluster, try_number=2) is cluster.pod
    assert (cluster.created, cluster.deletions) == ([], [])


def test_a_pod_that_has_succeeded_is_taken_as_it_is() -> None:
    cluster = FakeCluster(end_container(make_live_pod(), 0, "Completed"))
    assert take(cluster) is cluster.pod
    assert cluster.created == []


def test_a_terminating_pod_is_waited_for_and_never_taken_over() -> None:
    pod = make_live_pod("Running")
    pod.metadata.deletion_timestamp = datetime.now(UTC)
    cluster = FakeCluster(pod, polls_until_gone=3)
    assert take(cluster) is cluster.created[0]
    assert cluster.deletions == []


def test_a_failed_pod_goes_before_another_starts() -> None:
    cluster = FakeCluster(end_container(make_live_pod(), 75))
    assert take(cluster) is cluster.created[0]
    assert cluster.deletions == [None]


def test_a_pod_on_a_lost_node_is_deleted_by_force() -> None:
    pod = make_live_pod("Running")
    pod.metadata.deletion_timestamp = datetime.now(UTC) - timedelta(seconds=60)
    cluster = FakeCluster(pod, polls_until_gone=1000)
    assert take(cluster) is cluster.created[0]
    assert cluster.deletions == [0]


def test_a_cleared_task_takes_no_pod_from_before_it_was_cleared() -> None:
    cluster = FakeCluster(make_live_pod("Running"))
    assert take(cluster, cleared_epoch=4) is cluster.created[0]
    assert cluster.deletions == [None]


def test_a_retry_after_a_clearing_takes_over_the_pod_of_that_clearing() -> None:
    cluster = FakeCluster(make_live_pod("Running", cleared_epoch=4))
    assert take(cluster, cleared_epoch=4, try_number=6) is cluster.pod
    assert take(FakeCluster(make_live_pod("Running", cleared_epoch=4)), cleared_epoch=5) is not cluster.pod


def test_a_pod_of_another_image_is_replaced() -> None:
    other = make_live_pod("Running")
    other.spec.containers[0].image = "registry.example/encoder:0"
    cluster = FakeCluster(other)
    assert take(cluster) is cluster.created[0]


def test_a_refusal_of_the_cluster_is_told_in_its_words() -> None:
    cluster = FakeCluster()
    cluster.refusal = ApiException(status=403, reason="Forbidden")
    cluster.refusal.body = '{"kind":"Status","message":"exceeded quota: mapreel, requested: pods=1","reason":"x"}'
    with pytest.raises(TransientFault, match="exceeded quota: mapreel, requested: pods=1"):
        take(cluster)


def test_a_busy_api_server_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster()
    answers = [ApiException(status=503), ApiException(status=429)]
    read = cluster.read_namespaced_pod

    def stumble(name: str, namespace: str) -> k8s.V1Pod:
        if answers:
            raise answers.pop()
        return read(name, namespace)

    monkeypatch.setattr(cluster, "read_namespaced_pod", stumble)
    monkeypatch.setattr(PodClaim._read.retry, "sleep", lambda seconds: None)  # type: ignore[attr-defined]
    assert take(cluster) is cluster.created[0]
