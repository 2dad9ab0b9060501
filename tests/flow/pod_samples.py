"""Jobs, plans and pods from which the tests of pods start."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kubernetes.client import models as k8s

from encoding_contract.command import Command, Verb
from encoding_contract.job import Content, Job, ObjectAddress, Source, job_id
from encoding_contract.objects import job_url
from encoding_contract.profile import Profile, VideoCodec, VideoSettings
from encoding_flow.pod_builder import Growth, PodPlace, build_pod
from encoding_flow.pod_labels import TaskOrigin
from encoding_flow.pod_settings import PodSettings
from encoding_flow.pod_size import PodSize

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PLACE = PodPlace(namespace="mapreel", image="registry.example/encoder:1")
SIZE = PodSize(threads=4, memory_mib=1000, scratch_mib=2000)


def make_job(codec: VideoCodec = VideoCodec.X264, name: str = "films/Ä film (1).mov") -> Job:
    profile = Profile(name="sample", video=VideoSettings(codec=codec, crf=20))
    address = ObjectAddress(bucket="films", name=name)
    content = Content(size_bytes=1000, crc32c="AAAAAA==")
    return Job(
        id=job_id(address, content, profile),
        source=Source(address=address, content=content, generation=1),
        profile=profile,
        work_bucket="work",
        output_bucket="out",
    )


def make_command(job: Job, chunk: int | None = 7) -> Command:
    verb = Verb.MERGE if chunk is None else Verb.ENCODE
    return Command(verb=verb, job_url=job_url("work", job.id), chunk=chunk)


def make_origin(**fields: Any) -> TaskOrigin:
    return TaskOrigin(
        **{"dag_id": "encode_video", "run_id": "manual__1", "task_id": "encode_chunk", "map_index": 7, **fields}
    )


def make_pod(
    template: dict[str, Any] | None = None,
    growth: Growth = Growth(),  # noqa: B008  # frozen
    chunk: int | None = 7,
    size: PodSize = SIZE,
    settings: PodSettings | None = None,
    **origin: Any,
) -> k8s.V1Pod:
    job = make_job()
    return build_pod(
        make_command(job, chunk), job, make_origin(**origin), PLACE, size, settings or PodSettings(), template, growth
    )


def make_live_pod(phase: str = "Running", **changes: Any) -> k8s.V1Pod:
    """A pod as the API server gives it back."""
    pod = make_pod(**changes)
    pod.metadata.uid = "uid-1"
    pod.metadata.creation_timestamp = NOW
    pod.spec.node_name = "node-1"
    pod.status = k8s.V1PodStatus(phase=phase)
    return pod


def end_container(pod: k8s.V1Pod, exit_code: int, reason: str = "Error", message: str = "") -> k8s.V1Pod:
    """Have the encoder's container end."""
    pod.status.phase = "Succeeded" if exit_code == 0 else "Failed"
    terminated = k8s.V1ContainerStateTerminated(exit_code=exit_code, reason=reason, message=message)
    pod.status.container_statuses = [_status(k8s.V1ContainerState(terminated=terminated))]
    return pod


def hold_container(pod: k8s.V1Pod, reason: str, message: str = "") -> k8s.V1Pod:
    """Have the encoder's container wait."""
    pod.status.phase = "Pending"
    waiting = k8s.V1ContainerStateWaiting(reason=reason, message=message)
    pod.status.container_statuses = [_status(k8s.V1ContainerState(waiting=waiting))]
    return pod


def _status(state: k8s.V1ContainerState) -> k8s.V1ContainerStatus:
    return k8s.V1ContainerStatus(name="encoder", image="x", image_id="x", ready=False, restart_count=0, state=state)
