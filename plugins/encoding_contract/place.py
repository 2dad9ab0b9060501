"""Where videos come from and where they go: a bucket, and what the names in it begin with."""

from __future__ import annotations

from pydantic import Field

from encoding_contract.job import ObjectAddress
from encoding_contract.model import Document

_SCHEME = "gs://"


class Place(Document):
    """A bucket, and what the names in it begin with."""

    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$")
    prefix: str = ""
    """Empty, or ending with a slash."""

    def __str__(self) -> str:
        return f"{_SCHEME}{self.bucket}/{self.prefix}"

    def address(self, name: str) -> ObjectAddress:
        """Return the address of an object, named below the prefix."""
        return ObjectAddress(bucket=self.bucket, name=self.prefix + name)


def parse_place(text: str) -> Place:
    """Read ``gs://BUCKET`` or ``gs://BUCKET/PREFIX``.

    Raises:
        ValueError: it is neither.
    """
    bucket, _, prefix = text.removeprefix(_SCHEME).partition("/")
    if not text.startswith(_SCHEME) or not bucket:
        raise ValueError("expected gs://BUCKET or gs://BUCKET/PREFIX")
    return Place(bucket=bucket, prefix=f"{prefix.strip('/')}/" if prefix.strip("/") else "")
