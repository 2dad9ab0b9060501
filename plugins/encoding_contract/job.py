"""One video under one resolved profile, frozen before anything runs, and the id that follows from it.

The same work has the same id wherever and whenever it is asked for.
"""

from __future__ import annotations

import hashlib
import json
from typing import NewType, Self

from pydantic import Field, model_validator

from encoding_contract.errors import BadInput
from encoding_contract.lines import one_line
from encoding_contract.model import Document, VersionedDocument
from encoding_contract.profile import Profile

JobId = NewType("JobId", str)

_SCHEME = "gs://"


class ObjectAddress(Document):
    """A bucket and an object's name in it; the name may be any that the store allows."""

    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$")
    name: str = Field(min_length=1)

    @property
    def url(self) -> str:
        """``gs://BUCKET/NAME``."""
        return f"{_SCHEME}{self.bucket}/{self.name}"

    @property
    def shown(self) -> str:
        """The same for people: one line, whatever the name."""
        return one_line(self.url)


def parse_gs_url(url: str) -> ObjectAddress:
    """Split ``gs://BUCKET/NAME``.

    Raises:
        BadInput: it is no such address.
    """
    bucket, slash, name = url.removeprefix(_SCHEME).partition("/")
    if not url.startswith(_SCHEME) or not slash:
        raise BadInput(f"{url!r} is no object's address: expected gs://BUCKET/NAME")
    try:
        return ObjectAddress(bucket=bucket, name=name)
    except ValueError as error:
        raise BadInput(f"{url!r} is no object's address: expected gs://BUCKET/NAME") from error


class Content(Document):
    """What identifies an object's content wherever it lies."""

    size_bytes: int = Field(ge=0)
    crc32c: str
    """CRC-32C in base64, big-endian, as Cloud Storage states it for every object."""

    def __str__(self) -> str:
        return f"crc32c {self.crc32c}, {self.size_bytes} bytes"


class Source(Document):
    """The video as it lay in the bucket when the job was made."""

    address: ObjectAddress
    content: Content
    generation: int


class Job(VersionedDocument):
    """One video under one resolved profile."""

    id: JobId
    source: Source
    profile: Profile
    work_bucket: str
    output_bucket: str
    output_prefix: str = ""
    base_fingerprint: str | None = None
    """Of the profile as it stood, without what this run overrides; None where an earlier version made the job."""
    encoder_image: str | None = None
    """The image of the pods, with its digest where it is known; none in the local runtime."""

    @model_validator(mode="after")
    def _id_follows_from_content(self) -> Self:
        expected = job_id(self.source.address, self.source.content, self.profile)
        if self.id != expected:
            raise ValueError(f"id {self.id} does not follow from source and profile, which make {expected}")
        return self


def job_id(source: ObjectAddress, content: Content, profile: Profile) -> JobId:
    """Return the id of the work: 32 hex digits over bucket, name, content and all of the profile that matters."""
    identity = [source.bucket, source.name, content.size_bytes, content.crc32c, profile.fingerprint()]
    return JobId(hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32])
