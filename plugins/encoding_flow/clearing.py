"""What "clear" means: what a cleared task instance has made is made anew, even where a result stands.

A worker leaves a valid result as it is, and it is told nothing but verb, job and chunk. So the flow deletes the
manifest that vouches for the result before it starts the worker, once for each time that the task was cleared. A retry
and a new run of the same job delete nothing: that is what makes them cheap.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from encoding_contract.command import Command, Verb
from encoding_contract.job import JobId
from encoding_contract.objects import JobObjects, parse_job_url

if TYPE_CHECKING:
    from encoding_flow.bucket import Bucket

logger = logging.getLogger(__name__)

_EPOCH_KEY = "mapreel_cleared_epoch"


class TaskInstance(Protocol):
    """What is asked of Airflow's task instance."""

    max_tries: int


class StateStore(Protocol):
    """What is asked of Airflow's state store of a task instance (AIP-103); it survives tries and clearing."""

    def get(self, key: str) -> object:
        """Return a value."""

    def set(self, key: str, value: int) -> None:
        """Keep a value."""


def is_cleared(task_instance: TaskInstance, retries: int) -> bool:
    """Tell whether the task instance was cleared after it had been tried.

    Airflow sets ``max_tries`` to the task's retries when it makes an instance, and to the tries so far plus the
    retries when it clears one that was tried (``clear_task_instances`` in Airflow 3.3.2).
    """
    return task_instance.max_tries > retries


def vouching_object(command: Command, job: JobId) -> str | None:
    """Return the manifest by which a verb knows its result as done; merging always starts anew, so it has none."""
    names = JobObjects(job)
    match command.verb:
        case Verb.SPLIT:
            return names.plan
        case Verb.ENCODE:
            return names.chunk_manifest(command.chunk or 0)
        case Verb.ENCODE_AUDIO:
            return names.audio_manifest
        case Verb.MERGE:
            return None


def forget_cleared_result(
    command: Command,
    task_instance: TaskInstance,
    retries: int,
    store: StateStore,
    open_bucket: Callable[[str], Bucket] | None = None,
) -> bool:
    """Delete the manifest of what the task made before it was cleared; return whether there was one to delete.

    The state store remembers for which clearing this was done: the first try after a clearing may die before it comes
    here, and a later try of the same clearing must not throw away what an earlier one finished.

    Raises:
        BucketRefused, TransientFault: the work bucket.
    """
    bucket_name, job = parse_job_url(command.job_url)
    name = vouching_object(command, job)
    epoch = task_instance.max_tries
    if name is None or not is_cleared(task_instance, retries) or store.get(_EPOCH_KEY) == epoch:
        return False
    if open_bucket is None:
        # Only a cleared task needs a bucket here; the client's import costs a second in each process that has it.
        from encoding_flow.bucket import Bucket

        open_bucket = Bucket
    is_deleted = open_bucket(bucket_name).delete(name)
    store.set(_EPOCH_KEY, epoch)
    logger.info(
        "This task was cleared, so its result is made anew: %s gs://%s/%s",
        "deleted" if is_deleted else "there is no",
        bucket_name,
        name,
    )
    return is_deleted
