from __future__ import annotations

from pathlib import Path

import pytest

from tests.stack.rounds import TWELVE_SECONDS
from tests.worker.films import FilmShelf


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of twelve seconds, whose frames can be told from each other."""
    shelf = FilmShelf(tmp_path_factory.mktemp("film"))
    return shelf.make(TWELVE_SECONDS, shelf.folder / TWELVE_SECONDS.name)
