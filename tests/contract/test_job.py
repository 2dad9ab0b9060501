"""The same work has the same id; whatever makes another film makes another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoding_contract.errors import BadInput
from encoding_contract.job import Content, Job, ObjectAddress, job_id
from encoding_contract.profile import Profile, parse_profile
from tests.contract.documents import addresses, contents, jobs, profiles

ADDRESS = ObjectAddress(bucket="films", name="a/film.mp4")
CONTENT = Content(size_bytes=1000, crc32c="AAAAAA==")
FIELDS = {
    "video": {"codec": "libx264", "crf": 23, "preset": "medium", "options": {"g": "50"}},
    "audio": {"codec": "aac", "bitrate_kbps": 128},
    "container": "mkv",
    "chunk_s": 120,
}
PROFILE = parse_profile("usual", FIELDS)
ID = job_id(ADDRESS, CONTENT, PROFILE)


@given(addresses, contents, profiles())
def test_the_same_work_has_the_same_id(address: ObjectAddress, content: Content, profile: Profile) -> None:
    again = Profile.model_validate_json(profile.to_json())
    first = job_id(address, content, profile)
    assert first == job_id(address.model_copy(), content.model_copy(), again)
    assert len(first) == 32


@given(profiles(), st.text(max_size=20))
def test_a_profiles_name_and_description_make_no_other_work(profile: Profile, description: str) -> None:
    renamed = profile.model_copy(update={"name": "another", "description": description})
    assert job_id(ADDRESS, CONTENT, renamed) == job_id(ADDRESS, CONTENT, profile)


def test_the_order_of_fields_makes_no_other_work() -> None:
    assert job_id(ADDRESS, CONTENT, parse_profile("usual", dict(reversed(FIELDS.items())))) == ID


def test_an_id_stays_what_it_was() -> None:
    # Finished work of older runs is found by it: a change of this line makes every film new.
    assert ID == "407c3c43289c7d5e3ecd270f360b9a0e"


@pytest.mark.parametrize(
    "overrides",
    [
        {"video": {"codec": "libx265"}},
        {"video": {"crf": 22}},
        {"video": {"bitrate_kbps": 3000}},
        {"video": {"preset": "slow"}},
        {"video": {"preset": None}},
        {"video": {"tune": "film"}},
        {"video": {"pixel_format": "yuv420p10le"}},
        {"video": {"max_height": 720}},
        {"video": {"options": {"g": "60"}}},
        {"video": {"options": {"bf": "3"}}},
        {"audio": {"codec": "libopus"}},
        {"audio": {"bitrate_kbps": 160}},
        {"container": "mp4"},
        {"chunk_s": 60},
        {"damaged": "tolerate"},
        {"alpha": "drop"},
    ],
    ids=str,
)
def test_each_field_of_the_profile_makes_other_work(overrides: dict[str, object]) -> None:
    assert job_id(ADDRESS, CONTENT, parse_profile("usual", FIELDS, overrides)) != ID


@pytest.mark.parametrize(
    ("address", "content"),
    [
        (ObjectAddress(bucket="film", name="sa/film.mp4"), CONTENT),
        (ObjectAddress(bucket="other", name="a/film.mp4"), CONTENT),
        (ObjectAddress(bucket="films", name="a/film.mp"), CONTENT),
        (ADDRESS, Content(size_bytes=1001, crc32c="AAAAAA==")),
        (ADDRESS, Content(size_bytes=1000, crc32c="AAAAAQ==")),
    ],
)
def test_another_source_makes_other_work(address: ObjectAddress, content: Content) -> None:
    assert job_id(address, content, PROFILE) != ID


@given(jobs())
def test_a_job_whose_id_was_tampered_with_is_refused(job: Job) -> None:
    other = job.to_json().replace(job.id, "0" * 32)
    with pytest.raises(BadInput, match=f"does not follow from source and profile, which make {job.id}"):
        Job.from_json(other, "gs://work/job.json")
