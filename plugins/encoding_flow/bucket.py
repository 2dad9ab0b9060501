"""The buckets as the flow needs them: small JSON documents, facts of objects, pages of listings, deletion.

Refuses to move media: that is the worker's business. Trouble with a bucket leaves here as an error of the contract.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, PreconditionFailed, Unauthorized
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.exceptions import RequestException

from encoding_contract.errors import BucketRefused, TransientFault

T = TypeVar("T")

EMULATOR_VARIABLE = "STORAGE_EMULATOR_HOST"
NO_GENERATION = 0
"""As a precondition: the object must not stand yet."""

# Cloud Storage returns at most 1,000 a page whatever is asked for. fake-gcs-server walks its whole folder for each page
# (2.6 s at 100,000 objects), so it is asked for few; a page of so many takes some 70 MB while it is read.
_PAGE_OBJECTS = 25_050
_NO_METADATA: Mapping[str, str] = MappingProxyType({})
_LISTED_FIELDS = "items(name,size,crc32c,generation,updated,metadata),nextPageToken"
_METADATA_FIELDS = "items(name,metadata),nextPageToken"


@dataclass(frozen=True, slots=True)
class StandingObject:
    """What a bucket says of an object."""

    name: str
    size_bytes: int
    crc32c: str
    generation: int
    updated: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


class GenerationMoved(TransientFault):
    """Somebody else wrote the object first."""


@cache
def storage_client() -> storage.Client:
    """Return the process's client: of the emulator where STORAGE_EMULATOR_HOST names one, else with ADC.

    Raises:
        BucketRefused: there are no credentials.
    """
    if os.environ.get(EMULATOR_VARIABLE):
        return storage.Client(project="mapreel", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    try:
        return storage.Client()
    except (GoogleAuthError, OSError) as error:
        raise BucketRefused(f"Cloud Storage: no credentials ({error}); give Airflow's processes some (ADC)") from error


class Bucket:
    """One bucket."""

    def __init__(self, name: str, client: Callable[[], storage.Client] = storage_client) -> None:
        self.name = name
        self._bucket = client().bucket(name)

    def stat(self, name: str) -> StandingObject | None:
        """Return what the bucket says of an object, or ``None`` where there is none.

        Raises:
            BucketRefused, TransientFault: as for every method here.
        """
        with self._translated(f"reading {name!r}"):
            blob = self._bucket.get_blob(name)
            if blob is not None:
                return _describe(blob)
            next(iter(self._bucket.client.list_blobs(self._bucket, max_results=1)), None)  # tells a missing bucket
        return None

    def read(self, name: str) -> tuple[bytes, int] | None:
        """Return a small object's bytes and its generation, or ``None`` where there is none."""
        with self._translated(f"reading {name!r}"):
            blob = self._bucket.get_blob(name)
            if blob is None:
                return None
            try:
                return blob.download_as_bytes(if_generation_match=blob.generation), blob.generation
            except (NotFound, PreconditionFailed) as error:
                raise GenerationMoved(f"{self._url(name)}: was replaced while it was read; try again") from error

    def content(self, name: str) -> bytes | None:
        """Return a small object's bytes, or ``None``: what ``read`` returns but for the generation, in one request."""
        with self._translated(f"reading {name!r}"):
            try:
                content: bytes = self._bucket.blob(name).download_as_bytes()
            except NotFound:
                return None
            return content

    def write(self, name: str, text: str, if_generation: int) -> int:
        """Write a small JSON object over exactly the generation that was seen, and return the new one.

        Raises:
            GenerationMoved: another generation stands.
        """
        with self._translated(f"writing {name!r}"):
            blob = self._bucket.blob(name)
            try:
                blob.upload_from_string(
                    text, content_type="application/json", if_generation_match=if_generation, retry=DEFAULT_RETRY
                )
            except PreconditionFailed as error:
                raise GenerationMoved(
                    f"{self._url(name)}: expected generation {if_generation}, another one stands; try again"
                ) from error
            return int(blob.generation or 0)

    def delete(self, name: str) -> bool:
        """Delete an object; return whether there was one."""
        with self._translated(f"deleting {name!r}"):
            try:
                self._bucket.blob(name).delete(retry=DEFAULT_RETRY)
            except NotFound:
                return False
            return True

    def list(self, prefix: str = "") -> Iterator[StandingObject]:
        """Yield all objects below a prefix, in the order of their names, page by page."""
        yield from self._list(prefix, _LISTED_FIELDS, _standing)

    def list_metadata(self, prefix: str = "") -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield name and custom metadata of the objects below a prefix that have any."""
        for name, metadata in self._list(prefix, _METADATA_FIELDS, _name_and_metadata):
            if metadata:
                yield name, metadata

    def _list(self, prefix: str, fields: str, read: Callable[[dict[str, Any]], T]) -> Iterator[T]:
        with self._translated(f"listing {prefix!r}"):
            items = self._bucket.client.list_blobs(
                self._bucket, prefix=prefix or None, page_size=_PAGE_OBJECTS, fields=fields
            )
            # A Blob costs five times what is read from it, and its dates are parsed by strptime.
            items.item_to_value = lambda _, item: read(item)
            yield from items

    def check_writable(self, name: str) -> None:
        """Find out whether an object may be written, without writing one: an upload is opened and left.

        Cloud Storage drops an upload that was never continued after a week, at no cost.

        Raises:
            BucketRefused: the bucket does not exist, or may not be written.
        """
        with self._translated(f"opening an upload of {name!r}"):
            self._bucket.blob(name).create_resumable_upload_session(size=0)

    def _url(self, name: str) -> str:
        return f"gs://{self.name}/{name}"

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except NotFound as error:
            raise BucketRefused(
                f"gs://{self.name}: does not exist ({doing}); create it, or mend the setting that names it"
            ) from error
        except (Forbidden, Unauthorized) as error:
            raise BucketRefused(
                f"gs://{self.name}: refuses {doing}: {error.message}; grant Airflow's account the role for it"
            ) from error
        except GoogleAuthError as error:
            raise BucketRefused(f"gs://{self.name}: no valid credentials for {doing}: {error}") from error
        except (GoogleAPIError, RequestException) as error:
            raise TransientFault(f"gs://{self.name}: failed at {doing}: {error}; it is tried again") from error


def _describe(blob: storage.Blob) -> StandingObject:
    return StandingObject(
        name=blob.name,
        size_bytes=int(blob.size or 0),
        crc32c=blob.crc32c or "",
        generation=int(blob.generation or 0),
        updated=blob.updated,
        metadata=blob.metadata or _NO_METADATA,
    )


def _standing(item: dict[str, Any]) -> StandingObject:
    return StandingObject(
        name=item["name"],
        size_bytes=int(item.get("size") or 0),
        crc32c=item.get("crc32c") or "",
        generation=int(item.get("generation") or 0),
        updated=datetime.fromisoformat(item["updated"]),
        metadata=item.get("metadata") or _NO_METADATA,
    )


def _name_and_metadata(item: dict[str, Any]) -> tuple[str, Mapping[str, str]]:
    return item["name"], item.get("metadata") or _NO_METADATA
