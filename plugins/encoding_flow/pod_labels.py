"""How a pod is known: its name, and the labels and annotations from which people and programs find it.

One name for one piece of work, so that the API server itself refuses a second pod beside the first::

    kubectl get pods -l mapreel/job=ID                        one film
    kubectl get pods -l mapreel/job=ID,mapreel/chunk=12       one chunk
    kubectl get pods -l mapreel/run=RUN                       one DAG run
    kubectl get pods -l mapreel/video=film.mov                one video, under whatever profile
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

from airflow.providers.cncf.kubernetes.pod_generator import make_safe_label_value

from encoding_contract.command import Command
from encoding_contract.job import Job, JobId
from encoding_contract.model import Document


class Label(StrEnum):
    """Labels; a value that Kubernetes would refuse is shortened and ends in a hash."""

    APP = "app.kubernetes.io/name"
    JOB = "mapreel/job"
    VERB = "mapreel/verb"
    CHUNK = "mapreel/chunk"
    VIDEO = "mapreel/video"
    """The source object's name, without its folders."""
    RUN = "mapreel/run"
    TRY = "mapreel/try"
    ANEW = "mapreel/anew"
    """On the pods of a cleared task instance: which clearing it was."""


class Annotation(StrEnum):
    """What is too long or too free for a label."""

    SOURCE = "mapreel/source"
    TASK_INSTANCE = "mapreel/task-instance"
    SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"


APP_NAME = "mapreel-encoder"


class TaskOrigin(Document):
    """The task instance for which a pod runs, and its clearing where it was cleared."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    try_number: int = 1
    cleared_epoch: int | None = None
    """Airflow's ``max_tries`` after a clearing: every clearing has another."""

    @property
    def anew(self) -> str | None:
        """What tells one clearing's pods from all others; ``None`` where nobody cleared the task."""
        if self.cleared_epoch is None:
            return None
        identity = f"{self.dag_id}\n{self.run_id}\n{self.task_id}\n{self.map_index}\n{self.cleared_epoch}"
        return hashlib.sha256(identity.encode()).hexdigest()[:16]


def pod_name(command: Command, job: JobId) -> str:
    """Return the one name of a piece of work's pod; at most 60 characters of the 63 that a host name may have."""
    tail = "" if command.chunk is None else f"-{command.chunk:06d}"
    return f"mapreel-{job}-{command.verb.value}{tail}"


def pod_labels(command: Command, job: Job, origin: TaskOrigin) -> dict[str, str]:
    """Return the labels of a pod."""
    labels = {
        Label.APP.value: APP_NAME,
        Label.JOB.value: job.id,
        Label.VERB.value: command.verb.value,
        Label.VIDEO.value: _fit(job.source.address.name.rstrip("/").rsplit("/", 1)[-1]),
        Label.RUN.value: _fit(origin.run_id),
        Label.TRY.value: str(origin.try_number),
    }
    if command.chunk is not None:
        labels[Label.CHUNK.value] = str(command.chunk)
    if origin.anew is not None:
        labels[Label.ANEW.value] = origin.anew
    return labels


def _fit(value: str) -> str:
    # Of a name without a single letter that Kubernetes takes, Airflow leaves a dash and a checksum: the dash must go.
    return make_safe_label_value(value).strip("-_.")


def pod_annotations(job: Job, origin: TaskOrigin) -> dict[str, str]:
    """Return the annotations of a pod."""
    return {
        Annotation.SOURCE.value: job.source.address.url,
        Annotation.TASK_INSTANCE.value: origin.model_dump_json(),
        # An autoscaler that wants to empty a node shall wait for a chunk to end, and not move it.
        Annotation.SAFE_TO_EVICT.value: "false",
    }
