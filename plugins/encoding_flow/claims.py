"""Which run is encoding a job: a claim beside the job's document, so that no two runs do the same work at a time.

Runs of a scan are told apart by their ids already; a run started by hand may ask for the same job under any id.
A claim is never given back: one whose run is over, or is not known to this Airflow, is taken over. A second claim, of
the source, tells scheduled scans of a run that encodes the same video with other settings.
"""

from __future__ import annotations

import logging

from encoding_contract.job import JobId, ObjectAddress
from encoding_contract.model import VersionedDocument
from encoding_contract.objects import JobObjects, source_claim_name
from encoding_flow.bucket import NO_GENERATION, Bucket, GenerationMoved
from encoding_flow.runs import RunBook, Standing, look_up

logger = logging.getLogger(__name__)

_ATTEMPTS = 5


class Claim(VersionedDocument):
    """The run that last set out to do a job."""

    run_id: str


class WorkBucketClaims:
    """The claims of a work bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def claimed_by(self, job: JobId) -> str | None:
        """Return the id of the run that last claimed a job, or ``None``.

        Raises:
            BucketRefused, TransientFault: the work bucket.
        """
        found = self._read(JobObjects(job).claim)
        return None if found is None else found[0].run_id

    def last_at(self, source: ObjectAddress) -> str | None:
        """Return the id of the run that last set out to encode a source, with whatever settings, or ``None``.

        Raises:
            BucketRefused, TransientFault: the work bucket.
        """
        found = self._read(source_claim_name(source))
        return None if found is None else found[0].run_id

    def note_source(self, source: ObjectAddress, run_id: str) -> None:
        """Say that a run encodes a source; the last one to say so counts.

        Raises:
            BucketRefused, TransientFault: the work bucket.
        """
        name = source_claim_name(source)
        found = self._read(name)
        if found is None or found[0].run_id != run_id:
            self._bucket.write(name, Claim(run_id=run_id).to_json(), NO_GENERATION if found is None else found[1])

    def take(self, job: JobId, run_id: str, book: RunBook) -> str | None:
        """Claim a job for a run; return the id of the run that holds it where that one is still under way.

        Raises:
            BucketRefused, TransientFault: the work bucket.
        """
        name = JobObjects(job).claim
        for _ in range(_ATTEMPTS):
            found = self._read(name)
            if found is not None:
                holder = found[0].run_id
                if holder == run_id:
                    return None
                if look_up(book, [holder])[0] is Standing.UNDER_WAY:
                    return holder
                logger.info("Run %s worked on this job before; what it finished is kept", holder)
            try:
                self._bucket.write(name, Claim(run_id=run_id).to_json(), NO_GENERATION if found is None else found[1])
            except GenerationMoved:
                continue
            return None
        raise GenerationMoved(f"job {job}: other runs claim it at the same time; try again")

    def _read(self, name: str) -> tuple[Claim, int] | None:
        found = self._bucket.read(name)
        if found is None:
            return None
        return Claim.from_json(found[0], f"gs://{self._bucket.name}/{name}"), found[1]
