"""Buckets that stand in memory, and count how often they are listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from encoding_contract.job import Content, JobId
from encoding_contract.objects import output_name
from encoding_contract.profile import Container
from encoding_contract.report import (
    META_FINGERPRINT,
    META_JOB,
    META_PROFILE,
    META_SOURCE_CRC32C,
    META_SOURCE_GENERATION,
    META_SOURCE_SIZE,
)
from encoding_flow.bucket import StandingObject

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
LATER = datetime(2026, 1, 31, 13, tzinfo=UTC)
JOB = JobId("0" * 32)


class Shelf:
    """The objects of all buckets."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, StandingObject]] = {}
        self.documents: dict[tuple[str, str], bytes] = {}
        self.listings: Counter[str] = Counter()

    def open(self, name: str) -> ShelfBucket:
        return ShelfBucket(self, name)

    def put(
        self, bucket: str, name: str, size: int = 1000, at: datetime = NOON, metadata: Mapping[str, str] | None = None
    ) -> StandingObject:
        made = StandingObject(name, size, f"crc{size}", 7, at, metadata or {})
        self.objects.setdefault(bucket, {})[name] = made
        return made

    def publish(self, source: StandingObject, size: int = 400, at: datetime = LATER, fingerprint: str = "f") -> str:
        name = output_name("", source.name, Container.MKV)
        content = Content(size_bytes=source.size_bytes, crc32c=source.crc32c)
        self.put("made", name, size, at, published_metadata(content, fingerprint))
        return name


class ShelfBucket:
    """Stands in for ``encoding_flow.bucket.Bucket``."""

    def __init__(self, shelf: Shelf, name: str) -> None:
        self._shelf, self.name = shelf, name

    def list(self, prefix: str = "") -> Iterator[StandingObject]:
        self._shelf.listings[self.name, prefix] += 1
        found = self._shelf.objects.get(self.name, {})
        return iter([found[name] for name in sorted(found) if name.startswith(prefix)])

    def stat(self, name: str) -> StandingObject | None:
        return self._shelf.objects.get(self.name, {}).get(name)

    def content(self, name: str) -> bytes | None:
        return self._shelf.documents.get((self.name, name))


def published_metadata(content: Content, fingerprint: str = "f", profile: str = "p") -> dict[str, str]:
    """Return what an output of an earlier version carries: no figures."""
    return {
        META_JOB: JOB,
        META_SOURCE_CRC32C: content.crc32c,
        META_SOURCE_SIZE: str(content.size_bytes),
        META_SOURCE_GENERATION: "7",
        META_PROFILE: profile,
        META_FINGERPRINT: fingerprint,
    }
