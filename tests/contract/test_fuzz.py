"""Whatever stands in a bucket or a profile's file: it is read, or refused by one of our own errors, at once.

``nasty/`` keeps documents that once did harm, here or elsewhere; each is tried as every kind of document.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoding_contract.errors import BadInput, IncompatibleVersion, ProfileError
from encoding_contract.job import Job
from encoding_contract.manifest import AudioManifest, ChunkManifest
from encoding_contract.model import VersionedDocument
from encoding_contract.objects import parse_job_url
from encoding_contract.plan import Plan
from encoding_contract.profile import Profile, parse_profile
from encoding_contract.report import Report, parse_publication
from tests.contract.documents import audio_manifests, chunk_manifests, jobs, plans, profiles, reports

KINDS = [Job, Plan, ChunkManifest, AudioManifest, Report]
NASTY = sorted((Path(__file__).parent / "nasty").iterdir())
documents = st.one_of(jobs(), plans(), chunk_manifests, audio_manifests, reports)
chances = st.randoms(use_true_random=False)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**31, 2**63, -(2**63), 10**400]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["1/0", "0/1", "-1/1", "nan", "1e999", "\x00", "../..", "gs://", "💣", "1" * 5_000]),
)
anything = st.recursive(
    scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3)
)


def try_as(kind: type[VersionedDocument], text: str | bytes) -> None:
    """Read a text as one kind of document: it is one, or an error of ours says where it lies."""
    document, refusal = None, "gs://work/it.json: "
    try:
        document = kind.from_json(text, "gs://work/it.json")
    except (BadInput, IncompatibleVersion) as error:
        refusal = str(error)
    assert document is None or kind.from_json(document.to_json(), "again") == document
    assert refusal.startswith("gs://work/it.json: ")
    assert len(refusal) < 2_000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", NASTY, ids=lambda path: path.name)
def test_a_nasty_document_is_refused(kind: type[VersionedDocument], path: Path) -> None:
    with pytest.raises((BadInput, IncompatibleVersion)):
        kind.from_json(path.read_bytes(), "gs://work/it.json")


@given(st.sampled_from(KINDS), st.binary(max_size=200))
def test_bytes_are_read_or_refused(kind: type[VersionedDocument], raw: bytes) -> None:
    try_as(kind, raw)


@given(st.sampled_from(KINDS), anything)
def test_any_json_is_read_or_refused(kind: type[VersionedDocument], value: Any) -> None:
    try_as(kind, json.dumps(value))
    try_as(kind, json.dumps({"version": 1, "streams": value, "tracks": value, "profile": value}))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, as the keys that lead to it."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in below for found in places(each, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A document with another value at one place."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@given(
    st.one_of(jobs(), plans(), chunk_manifests, audio_manifests, reports), scalars, st.randoms(use_true_random=False)
)
def test_a_document_with_one_wrong_field_is_read_or_refused(
    document: VersionedDocument, value: Any, chance: random.Random
) -> None:
    fields = json.loads(document.to_json())
    try_as(type(document), json.dumps(replaced(fields, chance.choice(places(fields)), value)))


@given(profiles(), anything, chances)
def test_a_profile_with_one_wrong_field_is_read_or_refused(profile: Profile, value: Any, chance: random.Random) -> None:
    fields = json.loads(profile.to_json())
    changed = replaced(fields, chance.choice(places(fields)), value)
    for given_fields, overrides in ((changed, None), (fields, changed if isinstance(changed, dict) else None)):
        refusal = "profile fuzzed: "
        try:
            parse_profile("fuzzed", given_fields, overrides)
        except ProfileError as error:
            refusal = str(error)
        assert refusal.startswith("profile fuzzed: ")


def test_a_profile_nested_without_end_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["video"] = endless
    with pytest.raises(ProfileError):
        parse_profile("endless", {"video": {"crf": 20}}, endless)
    with pytest.raises(ProfileError):
        parse_profile("endless", endless, endless)


@given(st.text())
def test_any_jobs_address_is_read_or_refused(url: str) -> None:
    with pytest.raises(BadInput):
        parse_job_url(url)


@given(
    st.dictionaries(st.sampled_from(["mapreel-job", "mapreel-source-size", "mapreel-source-crc32c", "x"]), st.text())
)
def test_any_metadata_is_read_or_is_not_ours(metadata: dict[str, str]) -> None:
    assert parse_publication(metadata) is None
