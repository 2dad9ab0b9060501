"""What lies in the input, and what became of each film: a join of two listings and of Airflow's runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from encoding_client.airflow_client import DagRun
from encoding_contract.endings import is_video_name
from encoding_contract.job import Content, ObjectAddress
from encoding_contract.model import Document
from encoding_contract.objects import output_stem
from encoding_contract.place import Place
from encoding_contract.profile import Container
from encoding_contract.report import Published, parse_publication
from encoding_worker.store import Store

OPEN_STATES = ("queued", "running", "failed")
"""States of runs that say something of a film that has no output."""


class FilmState(StrEnum):
    """What became of a film."""

    ENCODED = "encoded"
    """An output made from this name and content stands."""
    ENCODING = "encoding"
    QUEUED = "queued"
    FAILED = "failed"
    """Waits for somebody to clear its run, or for other content."""
    WAITING = "waiting"
    """For the next scan."""
    NO_VIDEO = "no video by its name"


class Film(Document):
    """One object of the input."""

    source: ObjectAddress
    content: Content
    state: FilmState
    output: ObjectAddress | None = None
    """Where it has outputs in two containers, that of the container that comes first."""
    profile: str = ""


def list_films(
    store: Store, input_place: Place, output_place: Place, prefix: str, runs: Mapping[str, DagRun]
) -> list[Film]:
    """Return the films whose names begin with a prefix, by name.

    Args:
        store: the buckets.
        input_place: where films come from.
        output_place: where outputs go.
        prefix: what the names begin with, below the input's own prefix.
        runs: the newest open run of each source, by its address.
    """
    outputs = published_outputs(store, output_place, input_place.prefix + prefix)
    films = []
    for name, content in store.list_contents(input_place.bucket, input_place.prefix + prefix):
        source = ObjectAddress(bucket=input_place.bucket, name=name)
        films.append(_describe(source, content, output_place, outputs, runs.get(source.url)))
    return films


def published_outputs(store: Store, place: Place, source_prefix: str) -> dict[str, Published]:
    """Return Mapreel's outputs whose sources' names begin with a prefix, by their names."""
    found = {}
    for name, metadata in store.list_metadata(place.bucket, place.prefix + source_prefix):
        if (published := parse_publication(metadata)) is not None:
            found[name] = published
    return found


def find_output(store: Store, place: Place, source_name: str, content: Content | None) -> tuple[str, Published] | None:
    """Return name and making of a source's output; with a content, only one made from it."""
    stem = output_stem(place.prefix, source_name)
    return _pick(published_outputs(store, Place(bucket=place.bucket), stem), stem, content)


def newest_runs(runs: Iterable[DagRun]) -> dict[str, DagRun]:
    """Return the newest run of each source, by its address; the newest comes first in what is given."""
    newest: dict[str, DagRun] = {}
    for run in runs:
        newest.setdefault(str((run.conf or {}).get("source", "")), run)
    return newest


def _describe(
    source: ObjectAddress, content: Content, place: Place, outputs: Mapping[str, Published], run: DagRun | None
) -> Film:
    found = _pick(outputs, output_stem(place.prefix, source.name), content)
    if run is not None and run.state != "failed":
        state = FilmState.QUEUED if run.state == "queued" else FilmState.ENCODING
    elif found is not None:
        state = FilmState.ENCODED
    elif not is_video_name(source.name):
        state = FilmState.NO_VIDEO
    else:
        state = FilmState.WAITING if run is None else FilmState.FAILED
    if found is None:
        return Film(source=source, content=content, state=state)
    output = ObjectAddress(bucket=place.bucket, name=found[0])
    return Film(source=source, content=content, state=state, output=output, profile=found[1].profile)


def _pick(outputs: Mapping[str, Published], stem: str, content: Content | None) -> tuple[str, Published] | None:
    for container in Container:
        published = outputs.get(stem + container.value)
        if published is not None and content in (None, published.source):
            return stem + container.value, published
    return None
