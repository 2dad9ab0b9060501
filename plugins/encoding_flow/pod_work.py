"""What a pod's size depends on: the documents of its job, read from the work bucket."""

from __future__ import annotations

from pathlib import Path

from encoding_contract.command import Command, Verb
from encoding_contract.errors import BadInput, ResultMissing
from encoding_contract.job import Job
from encoding_contract.model import Document
from encoding_contract.objects import JobObjects, parse_job_url
from encoding_contract.plan import Plan
from encoding_flow.bucket import Bucket
from encoding_flow.pod_builder import PodPlace
from encoding_flow.pod_size import PodSize, size_pod
from encoding_flow.settings import load_flow_settings


class Work(Document):
    """A job, and what the pod for one command of it needs."""

    job: Job
    size: PodSize


def load_work(command: Command, open_bucket: type[Bucket] = Bucket) -> Work:
    """Read the job's document, and for a chunk its plan.

    Raises:
        ResultMissing: a document is not there.
        BadInput, IncompatibleVersion, TransientFault: it cannot be read.
    """
    bucket_name, job_id = parse_job_url(command.job_url)
    bucket = open_bucket(bucket_name)
    names = JobObjects(job_id)
    job = Job.from_json(_read(bucket, names.job), command.job_url)
    if command.verb is not Verb.ENCODE:
        return Work(job=job, size=size_pod(command.verb, job))
    plan = Plan.from_json(_read(bucket, names.plan), f"gs://{bucket_name}/{names.plan}")
    if command.chunk is None or command.chunk >= len(plan.chunks):
        raise BadInput(
            f"job {job_id}: has chunks 0 to {len(plan.chunks) - 1}, not {command.chunk}; "
            "clear list_chunks with its downstream"
        )
    return Work(job=job, size=size_pod(command.verb, job, plan, plan.chunks[command.chunk]))


def load_place() -> tuple[PodPlace, Path | None]:
    """Return where pods run, and the user's template.

    Raises:
        BadInput: no image is named.
    """
    settings = load_flow_settings()
    if not settings.encoder_image:
        raise BadInput(
            "MAPREEL_ENCODER_IMAGE is not set: the Kubernetes runtime needs the encoder's image (make images)"
        )
    return PodPlace(namespace=settings.namespace, image=settings.encoder_image), settings.pod_template


def _read(bucket: Bucket, name: str) -> bytes:
    found = bucket.content(name)
    if found is None:
        raise ResultMissing(f"gs://{bucket.name}/{name}: is not there; clear the run from prepare_job on")
    return found
