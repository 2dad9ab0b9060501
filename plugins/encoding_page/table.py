"""The table of videos as one visitor wants it: filtered, searched, sorted, a page of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from encoding_page.standing import Standing, State

_STATE_ORDER = [State.FAILED, State.RUNNING, State.WAITING, State.NEW, State.STALE, State.DONE]


class Column(StrEnum):
    """What the table can be sorted by."""

    NAME = "name"
    STATE = "state"
    BEFORE = "before"
    AFTER = "after"
    GAIN = "gain"
    DURATION = "duration"
    SPEED = "speed"
    PROFILE = "profile"
    QUALITY = "quality"
    AGE = "age"


class Wish(BaseModel):
    """What a visitor asked to see; everything has a default."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: State | None = None
    profile: str = ""
    search: str = Field(default="", max_length=1024)
    """Words that the name must hold, in any order and any case."""
    sort: Column = Column.AGE
    is_up: bool = False
    page: int = Field(default=1, ge=1)
    rows: int = Field(default=25, ge=1, le=100)

    def query(self, **changed: Any) -> dict[str, Any]:
        """Return the wish as a query, with some of it changed; defaults are left out."""
        wish = self.model_copy(update=changed)
        fields = wish.model_dump(mode="json")
        return {
            name: int(value) if isinstance(value, bool) else value
            for name, value in fields.items()
            if value != type(self).model_fields[name].default and value is not None
        }

    def sorted_by(self, column: Column) -> dict[str, Any]:
        """Return the query of a column's head: a second press turns the order."""
        return self.query(sort=column, is_up=not self.is_up if column is self.sort else column is Column.NAME, page=1)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the table, and what stands around it."""

    rows: list[Standing]
    total: int
    """How many videos match, on all pages."""
    pages: int
    number: int
    """Which page this is, from 1."""
    counts: Mapping[State, int]
    """Of all videos, by state."""
    profiles: list[str]
    bytes_before: int
    """Of all videos that match and have an output made of their content."""
    bytes_after: int


def lay_out(standings: Iterable[Standing], wish: Wish) -> Page:
    """Return the page that a visitor asked for."""
    everything = list(standings)
    words = wish.search.casefold().split()
    found = [one for one in everything if _matches(one, wish, words)]
    found.sort(key=lambda one: one.video.name)
    value = _VALUES[wish.sort]
    known = [one for one in found if value(one) is not None]
    known.sort(key=value, reverse=not wish.is_up)
    # What is not known comes last, whichever way the rest is sorted.
    found = known + [one for one in found if value(one) is None]
    pages = max(1, -(-len(found) // wish.rows))
    number = min(wish.page, pages)
    made = [one.video for one in found if one.video.is_made and one.video.source and one.video.output]
    return Page(
        rows=found[(number - 1) * wish.rows : number * wish.rows],
        total=len(found),
        pages=pages,
        number=number,
        counts=Counter(one.state for one in everything),
        profiles=sorted({name for one in everything if (name := profile_of(one))}),
        bytes_before=sum(video.source.size_bytes for video in made if video.source),
        bytes_after=sum(video.output.size_bytes for video in made if video.output),
    )


def profile_of(one: Standing) -> str | None:
    """Return the profile of the run that counts, or else of the output."""
    if one.run is not None and one.run.profile:
        return one.run.profile
    return None if one.video.output is None else one.video.output.published.profile


def duration_s(one: Standing) -> float | None:
    """Return the film's duration, where the output says it."""
    summary = None if one.video.output is None else one.video.output.published.summary
    return None if summary is None else summary.duration_us / 1_000_000


def speed(one: Standing) -> float | None:
    """Return seconds of film that one encoder made in a second."""
    summary = None if one.video.output is None else one.video.output.published.summary
    return None if summary is None or not summary.encode_s else summary.duration_us / 1_000_000 / summary.encode_s


def quality(one: Standing) -> float | None:
    """Return the mean quality, where it was measured."""
    summary = None if one.video.output is None else one.video.output.published.summary
    return None if summary is None or summary.quality is None else summary.quality.mean


def gain(one: Standing) -> float | None:
    """Return the output's size against the source's."""
    video = one.video
    if video.source is None or video.output is None or not video.is_made or not video.source.size_bytes:
        return None
    return video.output.size_bytes / video.source.size_bytes


def _matches(one: Standing, wish: Wish, words: list[str]) -> bool:
    if wish.state is not None and one.state is not wish.state:
        return False
    if wish.profile and profile_of(one) != wish.profile:
        return False
    name = one.video.name.casefold() if words else ""
    return all(word in name for word in words)


_VALUES: dict[Column, Callable[[Standing], Any]] = {
    Column.NAME: lambda one: one.video.name,
    Column.STATE: lambda one: -_STATE_ORDER.index(one.state),
    Column.BEFORE: lambda one: one.video.source and one.video.source.size_bytes,
    Column.AFTER: lambda one: one.video.output and one.video.output.size_bytes,
    Column.GAIN: gain,
    Column.DURATION: duration_s,
    Column.SPEED: speed,
    Column.PROFILE: profile_of,
    Column.QUALITY: quality,
    # Up is from young to old, as the words in the column grow.
    Column.AGE: lambda one: one.run.run_after if one.run else one.video.changed,
}
