"""The buckets, as a worker uses them: checked transfers, preconditions, and errors that say what to do.

Every transfer is checked by CRC-32C, retries are those of Google's own library.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import google_crc32c
from google.api_core import exceptions as gcs_errors
from google.api_core.retry import Retry, if_exception_type
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from encoding_contract.errors import BucketRefused, ResultMissing, SourceGone, TransientFault
from encoding_contract.job import Content, ObjectAddress

BLOCK_BYTES = 4 * 1024 * 1024
"""Of a download, this much is read at a time; Google's client holds it twice on its way."""
UPLOAD_BYTES = 8 * 1024 * 1024
"""Of an upload, this much is held in memory; Google's client would hold 100 MiB. Each part waits for its answer."""
STREAM_BYTES = 1024 * 1024
"""The same of an upload whose end is not known yet: a film with dozens of sounds has as many at once."""
_RETRY = DEFAULT_RETRY.with_timeout(120.0)


class _ArrivedOtherwise(Exception):
    """What the store holds is not what was sent to it."""


_AGAIN = Retry(
    if_exception_type(_ArrivedOtherwise, storage.exceptions.DataCorruption), initial=0.1, maximum=5.0, timeout=60.0
)
"""A transfer that a checksum refuses is made again by itself, and not the hours of work before it."""
_AT_ONCE = {"single_shot_download": True}
"""A block is read in one piece: by default Google's client takes 8 KiB at a time, which costs 9 CPU seconds a GB."""


class Store:
    """One client for all buckets; made once a process."""

    def __init__(self) -> None:
        if os.environ.get("STORAGE_EMULATOR_HOST"):
            self._client = storage.Client(project="emulator", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
        else:
            with _explained("Google's credentials"):
                self._client = storage.Client()
        self._seen_buckets: set[str] = set()

    def read(self, address: ObjectAddress) -> bytes | None:
        """Return a small object whole, or ``None`` where there is none."""
        with _explained(address.url):
            try:
                read = _AGAIN(self._blob(address).download_as_bytes)
                data: bytes = read(checksum="crc32c", retry=_RETRY, **_AT_ONCE)
            except gcs_errors.NotFound:
                self._refuse_missing_bucket(address.bucket)
                return None
            return data

    def write(self, address: ObjectAddress, data: str, content_type: str = "application/json") -> Content:
        """Write a small object whole; the last writer wins."""
        raw = data.encode()
        content = content_of_bytes(raw)

        @_AGAIN  # type: ignore[untyped-decorator]
        def write() -> None:
            blob = self._blob(address)
            blob.upload_from_string(raw, content_type=content_type, checksum="crc32c", retry=_RETRY)
            _check_arrived(blob, content)

        with _explained(address.url):
            write()
        return content

    def upload(
        self,
        path: Path,
        address: ObjectAddress,
        *,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/octet-stream",
    ) -> Content:
        """Upload a file; the object appears whole or not at all.

        The precondition on the generation seen before makes a retried upload safe, and two writers of one result
        end with one whole object of either.
        """
        content = content_of(path)

        @_AGAIN  # type: ignore[untyped-decorator]
        def upload() -> None:
            blob = self._blob(address)
            blob.chunk_size = UPLOAD_BYTES
            blob.metadata = dict(metadata) if metadata else None
            generation = self._generation(address)
            try:
                blob.upload_from_filename(
                    str(path),
                    content_type=content_type,
                    checksum="crc32c",
                    if_generation_match=generation,
                    retry=_RETRY,
                )
                _check_arrived(blob, content)
            except gcs_errors.PreconditionFailed:
                # Somebody wrote it meanwhile: another try of ours (then it is this content), or another pod.
                found = self.stat(address)
                if found is None or found[0] != content:
                    raise TransientFault(
                        f"{address.url}: was written by somebody else meanwhile; it is tried again"
                    ) from None

        with _explained(address.url):
            upload()
        return content

    def upload_blocks(self, blocks: Iterable[bytes], address: ObjectAddress, content_type: str) -> Content:
        """Upload what is still being made; the object appears whole once the blocks end, and not where they raise."""
        crc = size_bytes = 0
        with _explained(address.url):
            blob = self._blob(address)
            kept = {"checksum": None, "if_generation_match": self._generation(address), "retry": _RETRY}
            try:
                with blob.open("wb", chunk_size=STREAM_BYTES, content_type=content_type, **kept) as writer:
                    for block in blocks:
                        crc = google_crc32c.extend(crc, block)
                        size_bytes += len(block)
                        writer.write(block)
            except storage.exceptions.InvalidResponse as error:
                refused = gcs_errors.from_http_response(error.response)
                # An upload that is not known any more may have been finished, and only the answer was lost.
                if not isinstance(refused, gcs_errors.NotFound):
                    raise refused from error
            content = Content(size_bytes=size_bytes, crc32c=_base64(crc))
            found = self.stat(address)
        if found is None or found[0] != content:
            arrived = found[0] if found else "nothing"
            raise TransientFault(f"{address.url}: sent {content}, but {arrived} arrived; it is tried again")
        return content

    def download(self, address: ObjectAddress, path: Path, content: Content | None = None) -> None:
        """Download an object into a file, and hold it against the content that a manifest states.

        Raises:
            ResultMissing: there is none, or it is another.
        """
        found = self.stat(address)
        if found is None:
            raise ResultMissing(f"{address.url}: is missing; clear the task that makes it")
        stated, generation, _ = found
        if content is not None and stated != content:
            raise ResultMissing(f"{address.url}: expected {content}, found {stated}; clear the task that makes it")
        crc = 0
        with path.open("wb") as file:
            for start in range(0, stated.size_bytes, BLOCK_BYTES):
                end = min(start + BLOCK_BYTES, stated.size_bytes)
                try:
                    block = self._read_block(address, generation, start, end)
                except gcs_errors.NotFound:
                    raise ResultMissing(f"{address.url}: is gone; clear the task that makes it") from None
                crc = google_crc32c.extend(crc, block)
                file.write(block)
                del block  # before the next one comes: two of them would be held at once
        if _base64(crc) != stated.crc32c:
            raise TransientFault(
                f"{address.url}: expected CRC-32C {stated.crc32c}, received {_base64(crc)}; it is tried again"
            )

    def stat(self, address: ObjectAddress) -> tuple[Content, int, dict[str, str]] | None:
        """Return content, generation and custom metadata of an object, or ``None`` where there is none."""
        with _explained(address.url):
            blob = self._client.bucket(address.bucket).get_blob(address.name, retry=_RETRY)
            if blob is None:
                self._refuse_missing_bucket(address.bucket)
                return None
            content = Content(size_bytes=int(blob.size), crc32c=str(blob.crc32c))
            return content, int(blob.generation), dict(blob.metadata or {})

    def copy(self, source: ObjectAddress, target: ObjectAddress) -> None:
        """Copy an object within the store; nothing passes through this machine."""
        with _explained(source.url):
            blob = self._blob(target)
            token, _, _ = blob.rewrite(self._blob(source), retry=_RETRY)
            while token is not None:
                token, _, _ = blob.rewrite(self._blob(source), token=token, retry=_RETRY)

    def delete(self, address: ObjectAddress) -> None:
        """Delete an object, if there is one."""
        with _explained(address.url), suppress(gcs_errors.NotFound):
            self._blob(address).delete(retry=_RETRY)

    def list_metadata(self, bucket: str, prefix: str) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield name and custom metadata of the objects that begin with a prefix, page by page."""
        fields = "items(name,metadata),nextPageToken"
        with _explained(f"gs://{bucket}/{prefix}"):
            for blob in self._client.list_blobs(bucket, prefix=prefix, fields=fields, retry=_RETRY):
                yield str(blob.name), dict(blob.metadata or {})

    def list_contents(self, bucket: str, prefix: str) -> Iterator[tuple[str, Content]]:
        """Yield name and content of the objects that begin with a prefix, page by page."""
        fields = "items(name,size,crc32c),nextPageToken"
        with _explained(f"gs://{bucket}/{prefix}"):
            for blob in self._client.list_blobs(bucket, prefix=prefix, fields=fields, retry=_RETRY):
                yield str(blob.name), Content(size_bytes=int(blob.size or 0), crc32c=str(blob.crc32c or ""))

    def read_range(self, address: ObjectAddress, generation: int | None, start: int, end: int) -> bytes:
        """Return bytes ``[start, end)`` of an object of one generation.

        Raises:
            SourceGone: it is not there any more.
        """
        try:
            # A range has no checksum of its own to be held against; the frames' checksums stand in for it.
            return self._read_block(address, generation, start, end)
        except gcs_errors.NotFound:
            raise SourceGone(f"{address.url}: is gone (generation {generation}); upload it again") from None

    def _read_block(self, address: ObjectAddress, generation: int | None, start: int, end: int) -> bytes:
        blob = self._client.bucket(address.bucket).blob(address.name, generation=generation)
        with _explained(address.url, passes=gcs_errors.NotFound):
            data: bytes = blob.download_as_bytes(start=start, end=end - 1, checksum=None, retry=_RETRY, **_AT_ONCE)
            if len(data) != end - start:
                raise TransientFault(f"{address.url}: bytes {start} to {end}: only {len(data)} came; it is tried again")
            return data

    def _blob(self, address: ObjectAddress) -> Any:
        return self._client.bucket(address.bucket).blob(address.name)

    def _generation(self, address: ObjectAddress) -> int:
        found = self.stat(address)
        return found[1] if found else 0

    def _refuse_missing_bucket(self, bucket: str) -> None:
        if bucket in self._seen_buckets:
            return
        try:
            self._client.get_bucket(bucket, retry=_RETRY)
        except gcs_errors.Forbidden:
            pass  # may read objects, but not the bucket's own data: that is enough
        except gcs_errors.NotFound:
            raise BucketRefused(f"gs://{bucket}: there is no such bucket; make it, then clear the task") from None
        self._seen_buckets.add(bucket)


@contextmanager
def _explained(what: str, passes: type[Exception] | tuple[()] = ()) -> Iterator[None]:
    try:
        yield
    except passes:
        raise
    except (gcs_errors.Forbidden, gcs_errors.Unauthorized) as error:
        raise BucketRefused(f"{what}: access refused ({error.message}); grant it, then clear the task") from error
    except gcs_errors.NotFound as error:
        raise BucketRefused(f"{what}: not found ({error.message}); make the bucket, then clear the task") from error
    except GoogleAuthError as error:
        raise BucketRefused(f"{what}: no usable credentials ({error}); give the pod an identity") from error
    except (
        gcs_errors.GoogleAPICallError,
        gcs_errors.RetryError,
        RequestException,
        HTTPError,
        storage.exceptions.DataCorruption,
    ) as error:
        raise TransientFault(f"{what}: {error}; it is tried again") from error


def _check_arrived(blob: Any, content: Content) -> None:
    """Hold what the store says that it holds against what was sent; what arrived otherwise does not stay."""
    if blob.crc32c is None:
        blob.reload(retry=_RETRY)
    if blob.crc32c == content.crc32c:
        return
    with suppress(gcs_errors.NotFound, gcs_errors.PreconditionFailed):
        blob.delete(if_generation_match=blob.generation, retry=_RETRY)
    raise _ArrivedOtherwise(f"sent {content}, but crc32c {blob.crc32c} arrived; it was deleted")


def content_of(path: Path) -> Content:
    """Return size and CRC-32C of a file."""
    crc = size_bytes = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            crc = google_crc32c.extend(crc, block)
            size_bytes += len(block)
    return Content(size_bytes=size_bytes, crc32c=_base64(crc))


def content_of_bytes(data: bytes) -> Content:
    """Return size and CRC-32C of bytes."""
    return Content(size_bytes=len(data), crc32c=_base64(google_crc32c.value(data)))


def _base64(crc: int) -> str:
    return base64.b64encode(crc.to_bytes(4, "big")).decode()
