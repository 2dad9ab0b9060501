"""Why a pod ended, out of its status: what the program said, or what the cluster did to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from kubernetes.client import models as k8s

from encoding_contract.errors import ExitCode
from encoding_contract.model import Document
from encoding_flow.pod_builder import CONTAINER

_OVERDUE = timedelta(seconds=15)
"""A kubelet that is alive has confirmed a deletion by then."""

_DISRUPTION_CONDITION = "DisruptionTarget"
# ``status.reason`` of a pod that failed through no fault of its container: kubelet and node lifecycle controller.
_DISRUPTION_REASONS = frozenset(
    {
        "Evicted",
        "NodeLost",
        "NodeShutdown",
        "Shutdown",
        "Terminated",
        "Preempting",
        "Preempted",
        "NodeAffinity",
        "OutOfcpu",
        "OutOfmemory",
        "OutOfpods",
        "OutOfephemeral-storage",
        "UnexpectedAdmissionError",
    }
)
# Reasons of a container whose end nobody saw: its node or its runtime had died meanwhile.
_UNSEEN_REASONS = frozenset({"ContainerStatusUnknown", "Unknown"})
_UNSEEN_STATUS = 255
_SIGNAL_STATUSES = frozenset({137, 143})
_PULL_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})


class EndKind(StrEnum):
    """What a pod's end means."""

    NOT_OVER = "not over"
    SUCCEEDED = "succeeded"
    EXITED = "exited"
    """The program ended with a status of its own."""
    OUT_OF_MEMORY = "out of memory"
    OUT_OF_SCRATCH = "out of scratch"
    DISRUPTED = "disrupted"
    """Evicted, preempted, deleted, or lost with its node."""
    OVERTIME = "overtime"
    NOT_STARTED = "not started"


class PodEnd(Document):
    """A pod's end."""

    kind: EndKind
    reason: str
    exit_status: int = 0
    is_hopeless: bool = False
    """Whether another try cannot help."""


def judge_end(pod: k8s.V1Pod | None, now: datetime | None = None) -> PodEnd:
    """Tell how a pod ended; ``None`` is a pod that is no longer there."""
    if pod is None:
        return PodEnd(kind=EndKind.DISRUPTED, reason="the pod was deleted from outside")
    status = pod.status or k8s.V1PodStatus()
    node = pod.spec.node_name or "no node"
    terminated = _terminated(pod)
    if terminated is not None and terminated.exit_code == ExitCode.SUCCESS:
        return PodEnd(kind=EndKind.SUCCEEDED, reason="succeeded")
    if terminated is not None and terminated.reason == "OOMKilled":
        return PodEnd(kind=EndKind.OUT_OF_MEMORY, reason="OOMKilled: it needed more memory than its limit")
    if terminated is not None and terminated.exit_code in (ExitCode.BAD_INPUT, ExitCode.INCOMPATIBLE):
        return _exited(terminated)
    if status.reason == "DeadlineExceeded":
        return PodEnd(kind=EndKind.OVERTIME, reason="it ran longer than its activeDeadlineSeconds")
    if status.reason == "Evicted" and "exceeds" in (status.message or ""):
        return PodEnd(kind=EndKind.OUT_OF_SCRATCH, reason=f"Evicted: {status.message}")
    disruption = _disruption(pod, status, terminated)
    if disruption is not None:
        return PodEnd(kind=EndKind.DISRUPTED, reason=f"{disruption} (on {node})")
    if terminated is not None:
        return _exited(terminated)
    if is_lost(pod, now):
        reason = f"its node {node} does not answer, and its deletion is overdue"
        return PodEnd(kind=EndKind.DISRUPTED, reason=reason)
    if status.phase == "Failed":
        return PodEnd(
            kind=EndKind.DISRUPTED, reason=f"failed before its container started: {status.message} (on {node})"
        )
    if status.phase == "Pending":
        return _not_started(pod, status)
    return PodEnd(kind=EndKind.NOT_OVER, reason=f"phase {status.phase}")


def is_lost(pod: k8s.V1Pod, now: datetime | None = None) -> bool:
    """Tell whether a pod should be gone, its grace period included, and no kubelet has confirmed it."""
    deadline = pod.metadata.deletion_timestamp
    return deadline is not None and (now or datetime.now(UTC)) > deadline + _OVERDUE


def _terminated(pod: k8s.V1Pod) -> k8s.V1ContainerStateTerminated | None:
    statuses = (pod.status.container_statuses if pod.status else None) or []
    return next((s.state.terminated for s in statuses if s.name == CONTAINER and s.state), None)


def _exited(terminated: k8s.V1ContainerStateTerminated) -> PodEnd:
    return PodEnd(kind=EndKind.EXITED, reason=(terminated.message or "").strip(), exit_status=int(terminated.exit_code))


def _disruption(
    pod: k8s.V1Pod, status: k8s.V1PodStatus, terminated: k8s.V1ContainerStateTerminated | None
) -> str | None:
    for condition in status.conditions or []:
        if condition.type == _DISRUPTION_CONDITION and condition.status == "True":
            return f"{condition.reason}: {condition.message}"
    if status.reason in _DISRUPTION_REASONS:
        return f"{status.reason}: {status.message or 'no message'}"
    if terminated is None:
        return None
    if pod.metadata.deletion_timestamp is not None:
        return "it was deleted from outside while it ran: preemption, a drained node, or kubectl"
    if terminated.reason in _UNSEEN_REASONS or terminated.exit_code == _UNSEEN_STATUS:
        return "nobody saw its container end: node or container runtime were started anew"
    if terminated.exit_code in _SIGNAL_STATUSES:
        return f"its container was killed from outside (exit {terminated.exit_code})"
    return None


def _not_started(pod: k8s.V1Pod, status: k8s.V1PodStatus) -> PodEnd:
    image = next(c.image for c in pod.spec.containers if c.name == CONTAINER)
    for container in status.container_statuses or []:
        waiting = container.state.waiting if container.state else None
        if waiting is None or not waiting.reason:
            continue
        said = f"{waiting.reason}: {waiting.message or 'no message'}"
        if waiting.reason in _PULL_REASONS:
            return PodEnd(
                kind=EndKind.NOT_STARTED,
                reason=f"image {image} cannot be pulled: {said}; check MAPREEL_ENCODER_IMAGE, "
                "and that the nodes may pull it",
                is_hopeless=waiting.reason == "InvalidImageName",
            )
        if waiting.reason != "ContainerCreating":
            return PodEnd(kind=EndKind.NOT_STARTED, reason=f"its container cannot be made: {said}")
    for condition in status.conditions or []:
        if condition.type == "PodScheduled" and condition.status == "False":
            return PodEnd(
                kind=EndKind.NOT_STARTED,
                reason=f"no node takes it: {condition.reason}: {condition.message}; add a node that fits, or ask for "
                "less in MAPREEL_POD_TEMPLATE",
            )
    if not pod.spec.node_name:
        scheduler = pod.spec.scheduler_name or "default-scheduler"
        return PodEnd(
            kind=EndKind.NOT_STARTED,
            reason=f"the cluster's scheduler has not looked at it: check that {scheduler} is at work, "
            "and spec.schedulerName in MAPREEL_POD_TEMPLATE",
        )
    return PodEnd(
        kind=EndKind.NOT_STARTED,
        reason=f"its container did not start in time on {pod.spec.node_name}; see the events above",
    )
