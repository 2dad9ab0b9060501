"""No two sources share an output, whatever their names, and every name is one that a store takes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from encoding_contract.errors import BadInput
from encoding_contract.job import JobId, parse_gs_url
from encoding_contract.objects import (
    JobObjects,
    chart_name,
    contact_sheet_name,
    job_url,
    output_name,
    output_stem,
    parse_job_url,
    report_name,
    thumbnail_name,
)
from encoding_contract.profile import Container
from tests.contract.documents import LIMIT_BYTES, buckets, ids, names

prefixes = st.sampled_from(["", "out/", "Filme/é/"])
containers = st.sampled_from(Container)
BESIDE = (report_name, contact_sheet_name, thumbnail_name, chart_name)
"""The names of what stands beside an output."""


def forged(name: str) -> str:
    """The name that a source would need to have to take the output of a source with a long name."""
    return output_name("", name, Container.MKV).removesuffix(".mkv")


@given(names, names, prefixes, containers)
@example("film.mp4", "film.mov", "", Container.MKV)
@example("film", "film.mkv", "", Container.MKV)
@example("film.mp4", "film.mp4.mp4", "", Container.MP4)
@example("film", "film\n", "", Container.MKV)
@example("a/../film", "film", "", Container.MKV)
@example("é", "e\u0301", "", Container.MKV)
@example("x" * 1024, "x" * 1023 + "y", "", Container.MKV)
@example("x" * 1024, "x" * 1023, "", Container.MKV)
@example("é" * 512, "é" * 511 + "è", "", Container.MKV)
@example("x" * 1024, forged("x" * 1024), "", Container.MKV)
@example("影" * 341, forged("影" * 341), "", Container.MKV)
def test_two_names_never_make_one_output(one: str, other: str, prefix: str, container: Container) -> None:
    assert (output_name(prefix, one, container) == output_name(prefix, other, container)) == (one == other)


@given(names)
def test_nobody_can_forge_the_output_of_another(name: str) -> None:
    rival = forged(name)
    if rival != name:
        assert output_name("", rival, Container.MKV) != output_name("", name, Container.MKV)


@given(names, names, containers, containers)
@example("film.mov", "film.mov.mkv.thumb.jpg", Container.MKV, Container.MKV)
def test_what_stands_beside_an_output_is_nobody_elses(one: str, other: str, a: Container, b: Container) -> None:
    mine, others = output_name("", one, a), output_name("", other, b)
    beside = [name(mine) for name in BESIDE]
    assert len(set(beside)) == len(BESIDE)
    assert others not in beside
    assert mine == others or not {name(others) for name in BESIDE} & set(beside)


def test_a_long_name_keeps_the_output_that_it_always_had() -> None:
    # Were there less room, films that are published under a long name would be encoded again.
    assert output_name("", "x" * 1007, Container.WEBM) == "x" * 1007 + ".webm"
    assert output_name("", "x" * 1008, Container.WEBM)[942:943] == "~"


@given(names, prefixes, containers)
def test_every_name_fits_into_a_store(name: str, prefix: str, container: Container) -> None:
    output = output_name(prefix, name, container)
    for each in (output, *(name(output) for name in BESIDE)):
        assert 0 < len(each.encode()) <= LIMIT_BYTES
        assert each.startswith(prefix)


@given(names, prefixes)
def test_all_outputs_of_a_source_begin_with_its_stem(name: str, prefix: str) -> None:
    for container in Container:
        assert output_name(prefix, name, container) == output_stem(prefix, name) + container.value


def test_a_short_name_stays_readable() -> None:
    assert output_name("out/", "a b/film.mov", Container.MKV) == "out/a b/film.mov.mkv"
    assert report_name("film.mov.mkv") == "film.mov.mkv.report.json"


@given(ids, st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 999))
def test_a_jobs_objects_are_its_own_and_apart(job: JobId, one: int, other: int, track: int) -> None:
    objects = JobObjects(job)
    chunks = [
        name(index)
        for index in {one, other}
        for name in (objects.chunk_video, objects.chunk_frames, objects.chunk_manifest)
    ]
    others = [objects.job, objects.plan, objects.audio_manifest, objects.claim, objects.audio_track(track)]
    all_names = [*chunks, *others, objects.piece("000-000001")]
    assert len(set(all_names)) == len(all_names)
    assert all(name.startswith(f"jobs/{job}/") for name in all_names)


@given(buckets, ids)
def test_a_jobs_address_is_read_back(bucket: str, job: JobId) -> None:
    assert parse_job_url(job_url(bucket, job)) == (bucket, job)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gs://work",
        "gs:///jobs/0123456789abcdef0123456789abcdef/job.json",
        "s3://work/jobs/0123456789abcdef0123456789abcdef/job.json",
        "gs://work/jobs/../../0123456789abcdef0123456789abcdef/job.json",
        "gs://work/jobs/0123456789ABCDEF0123456789abcdef/job.json",
        "gs://work/jobs/0123456789abcdef0123456789abcdef/plan.json",
        "gs://work/jobs/0123456789abcdef0123456789abcdef/job.json\n",
    ],
)
def test_what_is_no_jobs_address_is_refused_by_name(url: str) -> None:
    with pytest.raises(BadInput, match=r"is no job's address: expected gs://WORK/jobs/ID/job\.json"):
        parse_job_url(url)


@given(buckets, names)
def test_an_objects_address_is_read_back(bucket: str, name: str) -> None:
    address = parse_gs_url(f"gs://{bucket}/{name}")
    assert (address.bucket, address.name, address.url) == (bucket, name, f"gs://{bucket}/{name}")


@pytest.mark.parametrize("url", ["", "film.mkv", "gs://bucket", "gs://bucket/", "gs:///film", "http://bucket/film"])
def test_what_is_no_objects_address_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="expected gs://BUCKET/NAME"):
        parse_gs_url(url)
