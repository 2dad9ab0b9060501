"""Bytes of the configured buckets, by ranges, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from encoding_contract.place import Place
from encoding_flow.bucket import storage_client
from encoding_flow.settings import BucketSettings
from encoding_page import media
from encoding_page.media import RangeUnsatisfiable, parse_range
from tests.emulator import running_emulator
from tests.page.conftest import Site

CONTENT = bytes(range(256)) * 40
NAME = 'in/a "b" <i>#?%2F é.mp4'


@pytest.fixture(scope="module")
def buckets() -> Iterator[storage.Client]:
    """A real emulator with an object inside the prefix, one outside it, and one in a bucket that is not ours."""
    storage_client.cache_clear()
    with running_emulator():
        client = storage.Client(project="p", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
        for bucket in ("films", "made", "private"):
            client.create_bucket(bucket)
            for name in (NAME, "in/page.html", "in/drawing.svg", "out of place.mp4"):
                client.bucket(bucket).blob(name).upload_from_string(CONTENT, content_type="text/html")
        yield client
    storage_client.cache_clear()


@pytest.fixture
def served(site: Site, buckets: storage.Client, monkeypatch: pytest.MonkeyPatch) -> Site:
    places = BucketSettings(
        input=Place(bucket="films", prefix="in/"), output=Place(bucket="made"), work=Place(bucket="work")
    )
    monkeypatch.setattr(site.client.app.state.desk.overview, "places", lambda: places)  # type: ignore[attr-defined]
    # Several pieces for a small object.
    monkeypatch.setattr(media, "PIECE_BYTES", 1000)
    return site


def at(name: str, side: str = "input") -> str:
    return f"/media/{side}?name={quote(name, safe='')}"


def test_whole_object(served: Site) -> None:
    answer = served.client.get(at(NAME))
    assert answer.status_code == 200
    assert answer.content == CONTENT
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-length"] == str(len(CONTENT))


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [("bytes=0-0", 0, 1), ("bytes=5-2999", 5, 3000), ("bytes=10000-", 10000, 10240), ("bytes=-7", 10233, 10240)],
)
def test_a_range(served: Site, asked: str, first: int, end: int) -> None:
    answer = served.client.get(at(NAME), headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == CONTENT[first:end]
    assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/10240"
    assert answer.headers["content-length"] == str(end - first)


@pytest.mark.parametrize("asked", ["bytes=10240-", "bytes=99999-100000", "bytes=-0"])
def test_a_range_behind_the_end(served: Site, asked: str) -> None:
    answer = served.client.get(at(NAME), headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */10240"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "frames=0-1", "bytes=9-3", "bytes=", "bytes=-", "bytes=a-b"])
def test_what_is_no_single_range_gets_the_whole(served: Site, asked: str) -> None:
    answer = served.client.get(at(NAME), headers={"Range": asked})
    assert (answer.status_code, len(answer.content)) == (200, 10240)


def test_a_range_of_another_content_gets_the_whole(served: Site) -> None:
    etag = served.client.get(at(NAME)).headers["etag"]
    partial = {"Range": "bytes=0-9"}
    assert served.client.get(at(NAME), headers={**partial, "If-Range": etag}).status_code == 206
    assert served.client.get(at(NAME), headers={**partial, "If-Range": '"1"'}).status_code == 200
    assert served.client.get(at(NAME), headers={**partial, "If-Range": "no date"}).status_code == 200
    assert served.client.get(at(NAME), headers={"If-None-Match": etag}).status_code == 304


def test_head_has_the_headers_and_no_bytes(served: Site) -> None:
    answer = served.client.head(at(NAME), headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (206, "10", b"")


@pytest.mark.parametrize(
    "name",
    [
        "out of place.mp4",
        "in/",
        "",
        "in/../out of place.mp4",
        "in/./x.mp4",
        "in/..",
        "../private/in/page.html",
        "in/../../private/out of place.mp4",
        "/in/page.html",
        "in/missing.mp4",
        "in/a\0b.mp4",
    ],
)
def test_nothing_outside_the_prefix(served: Site, name: str) -> None:
    assert served.client.get(at(name)).status_code == 404


@pytest.mark.parametrize("side", ["work", "private", "films", "..", "input%2F..", "INPUT"])
def test_no_other_bucket(served: Site, side: str) -> None:
    assert served.client.get(f"/media/{side}?name=in/page.html").status_code in (404, 422)


def test_somebodys_upload_never_runs_in_airflows_name(served: Site) -> None:
    page = served.client.get(at("in/page.html"))
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["content-disposition"].startswith("attachment")
    drawing = served.client.get(at("in/drawing.svg", "output"))
    for answer in (page, drawing):
        assert "sandbox" in answer.headers["content-security-policy"]
        assert "script-src" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_download_has_the_objects_own_name(served: Site) -> None:
    answer = served.client.get(at(NAME) + "&download=1")
    assert answer.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''a%20%22b%22%20%3Ci%3E%23%3F%252F%20%C3%A9.mp4"
    )


def test_an_empty_object_has_no_range() -> None:
    assert parse_range(None, 0) is None
    with pytest.raises(RangeUnsatisfiable):
        parse_range("bytes=0-", 0)
    with pytest.raises(RangeUnsatisfiable):
        parse_range("bytes=-5", 0)
