"""The stack's Cloud Storage: an emulator that keeps its objects on disk."""

from __future__ import annotations

from collections.abc import Iterable

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

PROJECT = "mapreel"


def open_storage(storage_url: str) -> storage.Client:
    """Return a client of the emulator, without credentials."""
    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
    return storage.Client(project=PROJECT, credentials=nobody, client_options={"api_endpoint": storage_url})


def ensure_buckets(client: storage.Client, names: Iterable[str]) -> None:
    """Make the buckets that are missing."""
    for name in names:
        if client.lookup_bucket(name) is None:
            client.create_bucket(name)
