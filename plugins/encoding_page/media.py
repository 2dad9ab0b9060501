"""Bytes of an object of the input or the output, whole or a range of them (RFC 9110, section 14).

Nothing else can be read through it: no other bucket, nothing outside the configured prefixes. What an object is said
to be follows from its name's ending alone, and the answer is one that a browser never runs: the object is somebody's
upload, and the page stands on Airflow's own origin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from enum import StrEnum
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from google.cloud import storage

from encoding_contract.place import Place
from encoding_flow.bucket import storage_client
from encoding_flow.settings import BucketSettings
from encoding_page.catalogue import is_inside

PIECE_BYTES = 2 << 20
"""What is asked of the bucket at a time, and held in memory for each viewer."""

_RANGE = re.compile(r"bytes=(?P<first>\d*)-(?P<last>\d*)")
_DOT_SEGMENT = re.compile(r"(^|/)\.{1,2}(/|$)")

# What a browser may show; everything else is only ever downloaded.
# fmt: off
_TYPES = {
    "3gp": "video/3gpp", "avi": "video/x-msvideo", "m2ts": "video/mp2t", "m4v": "video/mp4", "mkv": "video/x-matroska",
    "mov": "video/quicktime", "mp4": "video/mp4", "mpeg": "video/mpeg", "mpg": "video/mpeg", "mts": "video/mp2t",
    "mxf": "application/mxf", "ogv": "video/ogg", "ts": "video/mp2t", "webm": "video/webm", "wmv": "video/x-ms-wmv",
    "jpg": "image/jpeg", "svg": "image/svg+xml", "json": "text/plain; charset=utf-8",
}
# fmt: on
_BINARY = "application/octet-stream"

# An SVG that is opened by itself may style itself, and do nothing else.
_HARMLESS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; media-src 'self'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Accept-Ranges": "bytes",
    # Private: what a shared cache keeps, it would give to strangers. The ETag makes asking again cheap.
    "Cache-Control": "private, no-cache",
}


class Side(StrEnum):
    """Which of the two configured places."""

    INPUT = "input"
    OUTPUT = "output"


class NotServed(Exception):
    """There is no such object where this page may read."""


class RangeUnsatisfiable(Exception):
    """The range lies behind the object's end."""


@dataclass(frozen=True, slots=True)
class Medium:
    """An object as it stood when it was asked for, and how its bytes are read."""

    name: str
    size_bytes: int
    generation: int
    updated: datetime
    read: Callable[[int, int], bytes]
    """The bytes from the first position up to, and without, the second one."""

    @property
    def etag(self) -> str:
        """The generation: another content has another one."""
        return f'"{self.generation}"'


def place_of(side: Side, places: BucketSettings) -> Place:
    """Return the configured place."""
    return places.input if side is Side.INPUT else places.output


def open_medium(
    side: Side, name: str, places: BucketSettings, client: Callable[[], storage.Client] = storage_client
) -> Medium:
    """Look an object up.

    Raises:
        NotServed: there is none of that name below the configured prefix.
        google.api_core.exceptions.GoogleAPIError: the bucket does not answer.
    """
    place = place_of(side, places)
    # A bucket's names are flat, but an emulator's are paths of a file system.
    if not is_inside(place, name) or _DOT_SEGMENT.search(name) or "\0" in name:
        raise NotServed(f"{place} holds no {name!r}")
    blob = client().bucket(place.bucket).get_blob(name)
    if blob is None:
        raise NotServed(f"{place} holds no {name!r}")

    def read(first: int, end: int) -> bytes:
        # As it is stored: a gzip-encoded object would be unpacked on the way, and no range of it would fit.
        content: bytes = blob.download_as_bytes(
            start=first, end=end - 1, raw_download=True, if_generation_match=blob.generation, checksum=None
        )
        return content

    return Medium(name, int(blob.size or 0), int(blob.generation or 0), blob.updated, read)


def parse_range(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """Return a range's first position and its end, half-open; ``None`` for the whole object.

    Several ranges, or what is none, are answered with the whole object, as RFC 9110 allows.

    Raises:
        RangeUnsatisfiable: no byte of it exists.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or not (match["first"] or match["last"]):
        return None
    if not match["first"]:
        length = min(int(match["last"]), size_bytes)
        if length == 0:
            raise RangeUnsatisfiable
        return size_bytes - length, size_bytes
    first = int(match["first"])
    end = min(int(match["last"]) + 1, size_bytes) if match["last"] else size_bytes
    if match["last"] and int(match["last"]) < first:
        return None
    if first >= size_bytes:
        raise RangeUnsatisfiable
    return first, end


def answer(medium: Medium, request: Request, is_download: bool) -> Response:
    """Return the object, or the range of it that was asked for."""
    headers = {**_HARMLESS, "ETag": medium.etag, "Last-Modified": format_datetime(medium.updated, usegmt=True)}
    media_type = _TYPES.get(medium.name.rpartition(".")[2].lower(), _BINARY)
    if is_download or media_type == _BINARY:
        shown = quote(medium.name.rpartition("/")[2], safe="")
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{shown}"
    if medium.etag in [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    try:
        wanted = (
            parse_range(request.headers.get("range"), medium.size_bytes) if _is_range_meant(request, medium) else None
        )
    except RangeUnsatisfiable:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{medium.size_bytes}"})
    first, end = wanted or (0, medium.size_bytes)
    headers["Content-Length"] = str(end - first)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{medium.size_bytes}"
    status = 200 if wanted is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    return StreamingResponse(_pieces(medium, first, end), status_code=status, headers=headers, media_type=media_type)


def _is_range_meant(request: Request, medium: Medium) -> bool:
    """Tell whether the visitor's part is of this very content (If-Range, RFC 9110, section 13.1.5)."""
    condition = request.headers.get("if-range")
    if condition is None:
        return True
    if condition.startswith(('"', "W/")):
        return condition == medium.etag
    try:
        return parsedate_to_datetime(condition) == medium.updated.replace(microsecond=0)
    except ValueError:
        return False


def _pieces(medium: Medium, first: int, end: int) -> Iterator[bytes]:
    for start in range(first, end, PIECE_BYTES):
        yield medium.read(start, min(start + PIECE_BYTES, end))
