"""Takes chunks over from the job whose output stands, where nothing that decides their bytes has changed.

A changed audio bitrate, container or chunk of metadata makes another job; its films are the same to the last bit.
"""

from __future__ import annotations

import logging

from encoding_contract.errors import BadInput
from encoding_contract.job import JobId, ObjectAddress
from encoding_contract.manifest import ChunkManifest, StoredObject
from encoding_contract.objects import JobObjects, output_name
from encoding_contract.profile import Container
from encoding_contract.report import parse_publication
from encoding_worker.task import Task

logger = logging.getLogger(__name__)


def take_over(task: Task, index: int, inputs: str) -> ChunkManifest | None:
    """Copy a chunk of an earlier job into this one, or return ``None`` where there is none with the same inputs."""
    for job in _earlier_jobs(task):
        objects = JobObjects(job)
        address = task.address(objects.chunk_manifest(index))
        raw = task.store.read(address)
        if raw is None:
            continue
        try:
            manifest = ChunkManifest.from_json(raw, address.url)
        except BadInput as error:
            logger.warning("%s; it is passed over", error)
            continue
        if manifest.inputs != inputs:
            continue
        video = _copy(task, manifest.video, task.objects.chunk_video(index))
        frames = _copy(task, manifest.frame_list, task.objects.chunk_frames(index))
        if video is None or frames is None:
            continue
        logger.info("job %s chunk %d: taken over from job %s, whose inputs were the same", task.job.id, index, job)
        return manifest.model_copy(update={"job_id": task.job.id, "video": video, "frame_list": frames})
    return None


def _earlier_jobs(task: Task) -> list[JobId]:
    """Return the jobs that made the outputs that stand for this source, whatever their container."""
    jobs: list[JobId] = []
    for container in Container:
        name = output_name(task.job.output_prefix, task.job.source.address.name, container)
        found = task.store.stat(ObjectAddress(bucket=task.job.output_bucket, name=name))
        published = parse_publication(found[2]) if found else None
        if published and published.job_id != task.job.id and published.source == task.job.source.content:
            jobs.append(published.job_id)
    return jobs


def _copy(task: Task, stored: StoredObject, name: str) -> StoredObject | None:
    source = task.address(stored.name)
    found = task.store.stat(source)
    if found is None or found[0] != stored.content:
        return None
    task.store.copy(source, task.address(name))
    return StoredObject(name=name, content=stored.content)
