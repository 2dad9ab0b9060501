import pytest
import tests.airflow_home  # noqa: F401  # before Airflow

from encoding_contract.job import Content, Job, ObjectAddress, Source, job_id  # isort: skip
from encoding_contract.profile import Profile, VideoSettings  # isort: skip
from encoding_flow.provenance import dataset_name, output_address, output_event  # isort: skip


@pytest.fixture
def job() -> Job:
    source = Source(
        address=ObjectAddress(bucket="films", name="in/a b.mov"),
        content=Content(size_bytes=9, crc32c="AAAAAA=="),
        generation=7,
    )
    profile = Profile(name="p", video=VideoSettings(crf=20))
    identity = job_id(source.address, source.content, profile)
    return Job(
        id=identity, source=source, profile=profile, work_bucket="work", output_bucket="made", output_prefix="out/"
    )


def test_an_event_leads_from_the_output_to_source_job_and_report(job: Job) -> None:
    event = output_event(job, 12)
    assert event["output"] == "gs://made/out/in/a b.mov.mkv"
    assert event["report"] == "gs://made/out/in/a b.mov.mkv.report.json"
    assert (event["source"], event["generation"], event["job"]) == ("gs://films/in/a b.mov", "7", job.id)
    assert event["output_generation"] == "12"


def test_datasets_are_named_as_openlineage_names_objects(job: Job) -> None:
    assert dataset_name(output_address(job)) == ("gs://made", "out/in/a b.mov.mkv")
