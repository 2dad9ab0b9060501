"""The scratch folder of one run: below TMPDIR, gone at its end however it ends."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "mapreel-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield an empty folder that is removed afterwards, with all that is in it."""
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder:
        _open.add(folder)
        try:
            yield Path(folder)
        finally:
            _open.discard(folder)


_open: set[str] = set()


def remove_scratch() -> None:
    """Remove what is open now: for a process that ends without unwinding."""
    for folder in list(_open):
        shutil.rmtree(folder, ignore_errors=True)
