from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real_stack import RealStack, started
from tests.stack.rounds import TWELVE_SECONDS
from tests.worker.films import FilmShelf


@pytest.fixture(scope="package")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small disk of its own, where one may be mounted."""
    disk = tmp_path_factory.mktemp("disk")
    if os.geteuid() != 0:
        yield disk
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "mapreel-test", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.fixture(scope="package")
def harmed_stack(disk: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStack]:
    """One stack, on that disk, for all tests that do harm and leave none behind."""
    with started(
        RealStack(disk / "home", tmp_path_factory.mktemp("harmed"), {"MAPREEL_SCAN_CRON": "* * * * *"})
    ) as stack:
        yield stack


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of twelve seconds, whose frames can be told from each other."""
    shelf = FilmShelf(tmp_path_factory.mktemp("film"))
    return shelf.make(TWELVE_SECONDS, shelf.folder / TWELVE_SECONDS.name)
