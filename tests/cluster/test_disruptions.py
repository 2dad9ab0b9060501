"""What a cluster does to pods on purpose: it makes room for what matters more, or empties a node."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kubernetes import client
from kubernetes.client import models as k8s

from tests.cluster.airflow import TestStack
from tests.cluster.film import check_film
from tests.cluster.pods import PodWatcher
from tests.waiting import await_that

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

URGENT = "urgent-service-of-the-tests"


def disturb(stack: TestStack, pods: PodWatcher, film: Path, out: Path, strike: Callable[[k8s.V1Pod], None]) -> None:
    """Strike a chunk's pod whose program still starts, and hold what comes of it against what is promised.

    A strike fails if the pod does not end within its grace period: then it did not hear SIGTERM.
    """
    run = stack.start_slow_chunk(film, pods)
    victim = await_that("a running chunk", lambda: pods.current("encode", "Running"))[0]
    stack.reset_template()  # its successor need not last
    strike(victim)

    assert run.await_end() == "success"
    check_film(film, run.output(out))
    assert pods.encodes_beyond(1) == 1
    assert {task.try_number for task in run.tasks("encode_chunk")} == {1}
    assert "uses up no attempt" in run.log("encode_chunk", int(victim.metadata.labels["mapreel/chunk"]))


def test_a_preempted_pod_is_started_over_within_its_try(
    stack: TestStack, pods: PodWatcher, film: Path, tmp_path: Path
) -> None:
    def strike(victim: k8s.V1Pod) -> None:
        with urgent_pod(pods, victim.spec.node_name) as name:
            await_that(
                "the encoder to make room",
                lambda: victim.metadata.uid not in {pod.metadata.uid for pod in pods.all()},
                victim.spec.termination_grace_period_seconds,
            )
            await_that(
                "the urgent pod to run",
                lambda: pods.client.read_namespaced_pod(name, pods.namespace).status.phase == "Running",
                120,
            )

    disturb(stack, pods, film, tmp_path, strike)


def test_a_drained_node_costs_no_attempt(stack: TestStack, pods: PodWatcher, film: Path, tmp_path: Path) -> None:
    def strike(victim: k8s.V1Pod) -> None:
        node, patience = victim.spec.node_name, f"--timeout={victim.spec.termination_grace_period_seconds}s"
        try:
            kubectl("drain", node, "--force", "--ignore-daemonsets", "--delete-emptydir-data", patience)
        finally:
            kubectl("uncordon", node)

    disturb(stack, pods, film, tmp_path, strike)


@contextmanager
def urgent_pod(pods: PodWatcher, node: str) -> Iterator[str]:
    """A pod that matters more than encoders, and wants all of a node's CPU."""
    scheduling = client.SchedulingV1Api(pods.client.api_client)
    scheduling.create_priority_class(k8s.V1PriorityClass(metadata=k8s.V1ObjectMeta(name=URGENT), value=1000))
    cpu = pods.client.read_node(node).status.allocatable["cpu"]
    container = k8s.V1Container(
        name="service",
        image=os.environ["MAPREEL_ENCODER_IMAGE"],
        image_pull_policy="IfNotPresent",
        command=["/opt/mapreel/bin/python", "-c", "import time; time.sleep(600)"],
        resources=k8s.V1ResourceRequirements(requests={"cpu": cpu}),
    )
    spec = k8s.V1PodSpec(
        containers=[container],
        host_network=True,
        priority_class_name=URGENT,
        node_selector={"kubernetes.io/hostname": node},
        termination_grace_period_seconds=1,
        automount_service_account_token=False,
    )
    try:
        pods.client.create_namespaced_pod(pods.namespace, k8s.V1Pod(metadata=k8s.V1ObjectMeta(name=URGENT), spec=spec))
        yield URGENT
    finally:
        kubectl("-n", pods.namespace, "delete", "pod", URGENT, "--ignore-not-found", "--wait")
        scheduling.delete_priority_class(URGENT)


def kubectl(*arguments: str) -> None:
    subprocess.run(["kubectl", *arguments], check=True, capture_output=True)
