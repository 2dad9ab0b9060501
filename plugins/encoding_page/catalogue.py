"""The videos of the input bucket, each with its output: one listing of either bucket, joined by name and content.

Pure but for ``list_videos``. What is said of an output stands in its own metadata, so no report is opened for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from encoding_contract.endings import is_video_name
from encoding_contract.objects import output_stem, thumbnail_name
from encoding_contract.place import Place
from encoding_contract.profile import Container
from encoding_contract.report import Published, parse_publication
from encoding_flow.bucket import Bucket, StandingObject
from encoding_flow.settings import BucketSettings

_ENDINGS = tuple(f".{container.value}" for container in Container)
_PICTURE = thumbnail_name("")


@dataclass(frozen=True, slots=True)
class Output:
    """A published film."""

    name: str
    size_bytes: int
    generation: int
    updated: datetime
    published: Published
    thumbnail: str | None = None
    """The object that shows it in small, where there is one."""


@dataclass(frozen=True, slots=True)
class Video:
    """A video of the input bucket, or an output whose source is gone."""

    name: str
    """The source's object name; of an output without source, the output's name without prefix and ending."""
    source: StandingObject | None
    output: Output | None
    """The newest one made from this content, or else the newest of an older content."""
    is_made: bool
    """Whether the output was made from the content that lies there now."""

    @property
    def changed(self) -> datetime:
        """When last something of it came: the source, or the output."""
        times = [made.updated for made in (self.source, self.output) if made is not None]
        return max(times)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All videos, by name."""

    videos: Mapping[str, Video]
    listed_at: datetime


def list_videos(places: BucketSettings, now: datetime, open_bucket: Callable[[str], Bucket] = Bucket) -> Catalogue:
    """List both buckets, once and at the same time, and join them.

    Raises:
        BucketRefused, TransientFault: a bucket does not answer.
    """

    def list_all(place: Place) -> list[StandingObject]:
        return list(open_bucket(place.bucket).list(place.prefix))

    with ThreadPoolExecutor(2, thread_name_prefix="list") as both:
        sources, outputs = both.map(list_all, (places.input, places.output))
    videos = join_listings(sources, outputs, places.output.prefix)
    return Catalogue({video.name: video for video in videos}, now)


def look_again(video_name: str, places: BucketSettings, open_bucket: Callable[[str], Bucket] = Bucket) -> Video | None:
    """Look at one video alone.

    Raises:
        BucketRefused, TransientFault: a bucket does not answer.
    """
    stem = output_stem(places.output.prefix, video_name)
    source = open_bucket(places.input.bucket).stat(video_name) if is_inside(places.input, video_name) else None
    found = join_listings(
        [source] if source else [], open_bucket(places.output.bucket).list(stem), places.output.prefix
    )
    return next((video for video in found if video.name == video_name), None)


def is_inside(place: Place, name: str) -> bool:
    """Tell whether an object lies below a place's prefix."""
    return name.startswith(place.prefix) and len(name) > len(place.prefix)


def join_listings(
    sources: Iterable[StandingObject], listed: Iterable[StandingObject], output_prefix: str
) -> Iterator[Video]:
    """Yield each video of the input with its output, and each output whose source is gone."""
    outputs, pictures = _read_outputs(listed)
    taken: set[str] = set()
    for source in sources:
        if not is_video_name(source.name):
            continue
        stem = output_stem(output_prefix, source.name)[:-1]
        standing = [outputs[stem + ending] for ending in _ENDINGS if stem + ending in outputs]
        taken.update(output.name for output in standing)
        content = (source.size_bytes, source.crc32c)
        made = [one for one in standing if (one.published.source.size_bytes, one.published.source.crc32c) == content]
        chosen = max(made or standing, key=lambda one: one.updated, default=None)
        yield Video(source.name, source, _with_picture(chosen, pictures), is_made=bool(made))
    for name, output in outputs.items():
        if name not in taken:
            yield Video(
                name.removeprefix(output_prefix).rpartition(".")[0], None, _with_picture(output, pictures), is_made=True
            )


def _read_outputs(listed: Iterable[StandingObject]) -> tuple[dict[str, Output], frozenset[str]]:
    outputs: dict[str, Output] = {}
    pictures = set()
    for item in listed:
        published = parse_publication(item.metadata) if item.metadata else None
        if published is not None and item.name.endswith(_ENDINGS):
            outputs[item.name] = Output(item.name, item.size_bytes, item.generation, item.updated, published)
        elif item.name.endswith(_PICTURE):
            pictures.add(item.name)
    return outputs, frozenset(pictures)


def _with_picture(output: Output | None, pictures: frozenset[str]) -> Output | None:
    if output is None or (picture := thumbnail_name(output.name)) not in pictures:
        return output
    return replace(output, thumbnail=picture)
