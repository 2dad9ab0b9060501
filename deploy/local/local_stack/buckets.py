"""The stack's Cloud Storage: an emulator that keeps its objects on disk."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

import google_crc32c
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

PROJECT = "mapreel"
_BLOCK_BYTES = 1 << 20


def open_storage(storage_url: str) -> storage.Client:
    """Return a client of the emulator, without credentials."""
    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
    return storage.Client(project=PROJECT, credentials=nobody, client_options={"api_endpoint": storage_url})


def ensure_buckets(client: storage.Client, names: Iterable[str]) -> None:
    """Make the buckets that are missing."""
    for name in names:
        if client.lookup_bucket(name) is None:
            client.create_bucket(name)


def upload_changed(client: storage.Client, bucket: str, path: Path) -> None:
    """Upload a file under its own name, unless the very same content lies there."""
    standing = client.bucket(bucket).get_blob(path.name)
    if standing is None or standing.crc32c != _crc32c(path):
        client.bucket(bucket).blob(path.name).upload_from_filename(str(path), checksum="crc32c")


def _crc32c(path: Path) -> str:
    """Return the checksum in the form in which Cloud Storage states it."""
    value = 0
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK_BYTES):
            value = google_crc32c.extend(value, block)
    return base64.b64encode(value.to_bytes(4, "big")).decode()
