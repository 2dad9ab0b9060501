"""What every verb starts from: the job, its names, the store and a scratch folder."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import av

from encoding_contract.errors import BadInput, ResultMissing
from encoding_contract.job import Job, ObjectAddress
from encoding_contract.manifest import ChunkManifest
from encoding_contract.objects import JobObjects, parse_job_url
from encoding_contract.plan import Plan
from encoding_worker.ffmpeg import ffmpeg_version
from encoding_worker.store import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """One run of one verb."""

    store: Store
    job: Job
    objects: JobObjects
    scratch: Path

    def address(self, name: str) -> ObjectAddress:
        """Return the address of an object of this job."""
        return ObjectAddress(bucket=self.job.work_bucket, name=name)

    def load_plan(self) -> Plan:
        """Return the plan.

        Raises:
            ResultMissing: split has not left one.
        """
        plan = self.find_plan()
        if plan is None:
            address = self.address(self.objects.plan)
            raise ResultMissing(f"job {self.job.id}: {address.url} is missing; clear split_video")
        return plan

    def find_plan(self) -> Plan | None:
        """Return the plan, or ``None`` where there is none that can be used."""
        address = self.address(self.objects.plan)
        raw = self.store.read(address)
        if raw is None:
            return None
        try:
            plan = Plan.from_json(raw, address.url)
        except BadInput as error:
            # Half of one, or somebody's edit: it is made again rather than trusted.
            logger.warning("%s; it is made again", error)
            return None
        return plan if plan.job_id == self.job.id else None

    def find_chunk(self, index: int) -> ChunkManifest | None:
        """Return a chunk's manifest, or ``None`` where there is none that can be used."""
        address = self.address(self.objects.chunk_manifest(index))
        raw = self.store.read(address)
        if raw is None:
            return None
        try:
            return ChunkManifest.from_json(raw, address.url)
        except BadInput as error:
            logger.warning("%s; it is made again", error)
            return None


def load_job(store: Store, url: str) -> Job:
    """Read the job document.

    Raises:
        BadInput: there is none, or it is not the one that its address says.
    """
    bucket, job_id = parse_job_url(url)
    address = ObjectAddress(bucket=bucket, name=JobObjects(job_id).job)
    raw = store.read(address)
    if raw is None:
        raise BadInput(f"{url}: there is no job document; clear prepare_job")
    job = Job.from_json(raw, url)
    if job.id != job_id or job.work_bucket != bucket:
        raise BadInput(f"{url}: holds the document of job {job.id} in gs://{job.work_bucket}; clear prepare_job")
    return job


def program_version() -> str:
    """Return the versions of all that decides what a result looks like."""
    try:
        own = version("mapreel")
    except PackageNotFoundError:
        own = "source"
    return f"mapreel {own}, ffmpeg {ffmpeg_version()}, PyAV {av.__version__}"
