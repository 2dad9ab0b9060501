from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.cloud import storage

from encoding_contract.profile import Profile
from tests.corpus import load_profile, make_buckets
from tests.emulator import running_emulator
from tests.worker.films import FilmShelf
from tests.worker.work import Work


@pytest.fixture(scope="session")
def buckets() -> Iterator[storage.Client]:
    """A real emulator with the three buckets; one encoder thread, as a test's film is small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAPREEL_THREADS", "1")
        with running_emulator():
            yield make_buckets()


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> FilmShelf:
    return FilmShelf(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="session")
def quick() -> Profile:
    """The default profile, made quick, with chunks of 2 s."""
    return load_profile("h264-1080p", {"chunk_s": 2, "video": {"preset": "ultrafast", "crf": 16}})


@pytest.fixture
def make_work(buckets: storage.Client, tmp_path: Path) -> Callable[..., Work]:
    """Freeze a job for a film, under a name of the test's own."""

    def make(film: Path, profile: Profile, name: str | None = None) -> Work:
        copy = tmp_path / f"{tmp_path.name} {name or film.name}"
        copy.write_bytes(film.read_bytes())
        return Work(buckets, copy, profile, tmp_path)

    return make
