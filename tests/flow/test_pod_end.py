from __future__ import annotations

from datetime import timedelta

import pytest
from kubernetes.client import models as k8s
from tests.flow.pod_samples import NOW, end_container, hold_container, make_live_pod

from encoding_flow.pod_end import EndKind, judge_end


def test_what_the_program_said_is_kept() -> None:
    end = judge_end(end_container(make_live_pod(), 65, message="UnreadableSource: it is no video\n"))
    assert (end.kind, end.exit_status, end.reason) == (EndKind.EXITED, 65, "UnreadableSource: it is no video")


@pytest.mark.parametrize("exit_code", [137, 75, 1])
def test_an_oom_kill_is_one_whichever_process_it_hit(exit_code: int) -> None:
    assert judge_end(end_container(make_live_pod(), exit_code, "OOMKilled")).kind is EndKind.OUT_OF_MEMORY


@pytest.mark.parametrize("reason", ["Evicted", "Preempting", "NodeLost", "NodeShutdown", "Terminated", "OutOfcpu"])
def test_what_a_node_did_is_a_disruption(reason: str) -> None:
    pod = make_live_pod("Failed")
    pod.status.reason, pod.status.message = reason, "The node was low on resource: memory."
    end = judge_end(pod)
    assert end.kind is EndKind.DISRUPTED
    assert reason in end.reason
    assert "node-1" in end.reason


def test_a_full_scratch_is_not_the_nodes_fault() -> None:
    pod = make_live_pod("Failed")
    pod.status.reason = "Evicted"
    pod.status.message = 'Usage of EmptyDir volume "scratch" exceeds the limit "1Gi". '
    assert judge_end(pod).kind is EndKind.OUT_OF_SCRATCH


def test_a_pod_that_is_gone_or_being_deleted_was_disrupted() -> None:
    assert judge_end(None).kind is EndKind.DISRUPTED
    pod = end_container(make_live_pod(), 75)
    assert judge_end(pod).kind is EndKind.EXITED
    pod.metadata.deletion_timestamp = NOW
    assert judge_end(pod).kind is EndKind.DISRUPTED


@pytest.mark.parametrize(
    ("exit_code", "reason"), [(137, "Error"), (143, "Error"), (255, "Unknown"), (137, "ContainerStatusUnknown")]
)
def test_a_container_killed_with_its_node_was_disrupted(exit_code: int, reason: str) -> None:
    assert judge_end(end_container(make_live_pod(), exit_code, reason)).kind is EndKind.DISRUPTED


def test_a_disruption_condition_is_read_where_the_cluster_has_it() -> None:
    pod = end_container(make_live_pod(), 1)
    pod.status.conditions = [
        k8s.V1PodCondition(type="DisruptionTarget", status="True", reason="PreemptionByScheduler", message="for x")
    ]
    assert judge_end(pod).kind is EndKind.DISRUPTED


def test_a_pod_on_a_silent_node_is_lost_only_after_its_grace_period() -> None:
    pod = make_live_pod("Running")
    assert judge_end(pod, NOW).kind is EndKind.NOT_OVER
    pod.metadata.deletion_timestamp = NOW
    assert judge_end(pod, NOW + timedelta(seconds=5)).kind is EndKind.NOT_OVER
    assert judge_end(pod, NOW + timedelta(seconds=60)).kind is EndKind.DISRUPTED


@pytest.mark.parametrize(
    ("reason", "hopeless"), [("ErrImagePull", False), ("ImagePullBackOff", False), ("InvalidImageName", True)]
)
def test_an_image_that_cannot_be_pulled_is_named(reason: str, hopeless: bool) -> None:
    end = judge_end(hold_container(make_live_pod(), reason, "not found"))
    assert end.kind is EndKind.NOT_STARTED
    assert end.is_hopeless is hopeless
    assert "registry.example/encoder:1" in end.reason
    assert "MAPREEL_ENCODER_IMAGE" in end.reason


def test_an_unschedulable_pod_says_what_the_scheduler_said() -> None:
    pod = make_live_pod("Pending")
    pod.status.conditions = [
        k8s.V1PodCondition(
            type="PodScheduled",
            status="False",
            reason="Unschedulable",
            message="0/2 nodes are available: 2 Insufficient cpu.",
        )
    ]
    end = judge_end(pod)
    assert end.kind is EndKind.NOT_STARTED
    assert "2 Insufficient cpu" in end.reason


def test_a_pod_that_no_scheduler_looked_at_says_so() -> None:
    pod = make_live_pod("Pending")
    pod.spec.node_name = None
    pod.spec.scheduler_name = "packing-scheduler"
    end = judge_end(pod)
    assert end.kind is EndKind.NOT_STARTED
    assert "packing-scheduler" in end.reason


def test_a_pod_that_its_node_does_not_start_names_the_node() -> None:
    end = judge_end(hold_container(make_live_pod(), "ContainerCreating"))
    assert end.kind is EndKind.NOT_STARTED
    assert "node-1" in end.reason


def test_a_deadline_is_overtime() -> None:
    pod = make_live_pod("Failed")
    pod.status.reason = "DeadlineExceeded"
    assert judge_end(pod).kind is EndKind.OVERTIME
