"""What became of each film: a join of two listings and of Airflow's runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from encoding_client.airflow_client import DagRun
from encoding_client.films import FilmState, find_output, list_films, newest_runs
from encoding_contract.job import Content
from encoding_contract.place import Place
from encoding_contract.report import (
    META_FINGERPRINT,
    META_JOB,
    META_PROFILE,
    META_SOURCE_CRC32C,
    META_SOURCE_SIZE,
)
from encoding_worker.store import Store

OLD, NEW = Content(size_bytes=7, crc32c="AAAAAA=="), Content(size_bytes=8, crc32c="BBBBBB==")
IN, OUT = Place(bucket="films", prefix="in/"), Place(bucket="made", prefix="out/")


class TwoBuckets(Store):
    """The listings of an input and an output."""

    def __init__(self, films: dict[str, Content], outputs: dict[str, Content]) -> None:
        self.films, self.outputs = films, outputs

    def list_contents(self, bucket: str, prefix: str) -> Iterator[tuple[str, Content]]:
        assert bucket == IN.bucket
        return iter((name, content) for name, content in self.films.items() if name.startswith(prefix))

    def list_metadata(self, bucket: str, prefix: str) -> Iterator[tuple[str, dict[str, str]]]:
        assert bucket == OUT.bucket
        for name, source in self.outputs.items():
            if name.startswith(prefix):
                yield (
                    name,
                    {
                        META_JOB: "0" * 32,
                        META_SOURCE_CRC32C: source.crc32c,
                        META_SOURCE_SIZE: str(source.size_bytes),
                        META_PROFILE: "h264-1080p",
                        META_FINGERPRINT: "f" * 64,
                    },
                )
        yield "out/in/strange.mkv", {}


def run(name: str, state: str) -> DagRun:
    return DagRun(dag_id="encode_video", dag_run_id=name, state=state, conf={"source": f"gs://films/in/{name}"})


@pytest.mark.parametrize(
    ("output", "state", "expected"),
    [
        (None, None, FilmState.WAITING),
        (None, "queued", FilmState.QUEUED),
        (None, "running", FilmState.ENCODING),
        (None, "failed", FilmState.FAILED),
        (NEW, None, FilmState.ENCODED),
        (NEW, "failed", FilmState.ENCODED),
        (NEW, "running", FilmState.ENCODING),
        (OLD, None, FilmState.WAITING),
    ],
)
def test_state_of_a_film(output: Content | None, state: str | None, expected: FilmState) -> None:
    store = TwoBuckets({"in/a.mov": NEW}, {} if output is None else {"out/in/a.mov.webm": output})
    runs = newest_runs([] if state is None else [run("a.mov", state), run("a.mov", "failed")])
    (film,) = list_films(store, IN, OUT, "", runs)
    assert film.state is expected
    assert (film.output is not None) == (output == NEW)


def test_what_is_no_video_does_not_wait() -> None:
    (film,) = list_films(TwoBuckets({"in/notes.txt": NEW}, {}), IN, OUT, "", {})
    assert film.state is FilmState.NO_VIDEO


def test_a_name_that_another_begins_with_is_another_film() -> None:
    store = TwoBuckets({"in/a.mov": NEW, "in/a.mov.mkv": NEW}, {"out/in/a.mov.mkv.mkv": NEW})
    states = {film.source.name: film.state for film in list_films(store, IN, OUT, "", {})}
    assert states == {"in/a.mov": FilmState.WAITING, "in/a.mov.mkv": FilmState.ENCODED}
    assert find_output(store, OUT, "in/a.mov", None) is None


def test_an_output_stays_when_its_source_is_gone() -> None:
    found = find_output(TwoBuckets({}, {"out/in/a.mov.mp4": OLD}), OUT, "in/a.mov", None)
    assert found is not None
    assert found[0] == "out/in/a.mov.mp4"
