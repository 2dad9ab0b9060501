"""From a video's address to its frozen job: looks at the source, resolves the profile, writes the job document.

Finds out, before anything is encoded, all that a look at the three buckets can show.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from encoding_contract.errors import SourceGone, UnreadableSource
from encoding_contract.job import Content, Job, ObjectAddress, Source, job_id, parse_gs_url
from encoding_contract.objects import JobObjects, job_url, output_name
from encoding_contract.profile import Profile
from encoding_contract.report import Published, parse_publication
from encoding_flow.bucket import NO_GENERATION, Bucket
from encoding_flow.profiles import ProfileFolder
from encoding_flow.settings import BucketSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What somebody asks for."""

    source_url: str
    profile: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    is_made_anew: bool = False
    """Encode even where the very same output stands: ``reprocess``, or the task was cleared."""


@dataclass(frozen=True)
class Standing:
    """The output that is asked for is there already."""

    output: ObjectAddress
    published: Published


@dataclass(frozen=True)
class Prepared:
    """A job whose document stands in the work bucket."""

    job: Job
    url: str
    output: ObjectAddress


class JobDesk:
    """Makes jobs."""

    def __init__(
        self,
        buckets: BucketSettings,
        profiles: ProfileFolder,
        encoder_image: str | None = None,
        open_bucket: Callable[[str], Bucket] = Bucket,
    ) -> None:
        self._buckets = buckets
        self._profiles = profiles
        self._encoder_image = encoder_image
        self._open = open_bucket

    def prepare(self, request: Request) -> Prepared | Standing:
        """Freeze the job that a request asks for, or tell that its output stands.

        Raises:
            BadInput: the address, the profile, the source or a bucket; the message says which.
            TransientFault: a bucket did not answer.
        """
        address = parse_gs_url(request.source_url)
        profile = self._profiles.load(request.profile, request.overrides)
        source = self._look_at(address)
        output = ObjectAddress(
            bucket=self._buckets.output.bucket,
            name=output_name(self._buckets.output.prefix, address.name, profile.container),
        )
        published = self._published(output)
        if published is not None and published.source == source.content and not request.is_made_anew:
            if published.profile_fingerprint == profile.fingerprint():
                return Standing(output, published)
            logger.info(
                "%s was made from the same content with other settings (profile %s); it is replaced",
                output.shown,
                published.profile,
            )
        self._open(output.bucket).check_writable(output.name)
        base = self._profiles.load(request.profile) if request.overrides else profile
        job = self._compose(source, profile, base.fingerprint())
        self._freeze(job)
        return Prepared(job, job_url(job.work_bucket, job.id), output)

    def _look_at(self, address: ObjectAddress) -> Source:
        found = self._open(address.bucket).stat(address.name)
        if found is None:
            raise SourceGone(f"{address.url}: there is no such object; upload it, then clear this task")
        if found.size_bytes == 0:
            raise UnreadableSource(f"{address.url}: is empty (0 bytes); upload it whole, then clear this task")
        content = Content(size_bytes=found.size_bytes, crc32c=found.crc32c)
        return Source(address=address, content=content, generation=found.generation)

    def _published(self, output: ObjectAddress) -> Published | None:
        found = self._open(output.bucket).stat(output.name)
        return None if found is None else parse_publication(found.metadata)

    def _compose(self, source: Source, profile: Profile, base_fingerprint: str) -> Job:
        return Job(
            id=job_id(source.address, source.content, profile),
            source=source,
            profile=profile,
            work_bucket=self._buckets.work.bucket,
            output_bucket=self._buckets.output.bucket,
            output_prefix=self._buckets.output.prefix,
            base_fingerprint=base_fingerprint,
            encoder_image=self._encoder_image,
        )

    def _freeze(self, job: Job) -> None:
        """Write the job document, unless this very one stands.

        One that differs under the same id is replaced: the source was uploaded again with the same content (another
        generation), or the settings name another output bucket. Results below the id stay good.
        """
        bucket = self._open(job.work_bucket)
        name = JobObjects(job.id).job
        standing = bucket.read(name)
        text = job.to_json()
        if standing is None:
            bucket.write(name, text, NO_GENERATION)
        elif standing[0] != text.encode():
            bucket.write(name, text, standing[1])
        else:
            logger.info("Job %s stands already; what is finished of it is kept", job.id)
