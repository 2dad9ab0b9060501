"""Buckets, jobs and claims on a real emulator; refusals against a server that refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from google.cloud import storage
from tests.emulator import running_emulator

from encoding_contract.errors import BucketRefused, ProfileError, SourceGone, UnreadableSource
from encoding_contract.job import Job, ObjectAddress
from encoding_contract.objects import JobObjects
from encoding_contract.place import Place
from encoding_contract.report import publication_metadata
from encoding_flow.bucket import NO_GENERATION, Bucket, GenerationMoved
from encoding_flow.claims import WorkBucketClaims
from encoding_flow.jobs import JobDesk, Prepared, Request, Standing
from encoding_flow.profiles import ProfileFolder
from encoding_flow.settings import BucketSettings
from local_stack.buckets import open_storage

OpenBucket = Callable[[str], Bucket]
FILM = "gs://films/a b/日本.mov"


@pytest.fixture(scope="module")
def client() -> Iterator[storage.Client]:
    with running_emulator() as server:
        client = open_storage(server.url)
        yield client
        client.close()


@pytest.fixture
def store(client: storage.Client) -> OpenBucket:
    """Empty buckets, and how to open one."""
    for name in ("films", "made", "work"):
        bucket = client.bucket(name)
        if not bucket.exists():
            bucket.create()
        for blob in client.list_blobs(name):
            blob.delete()
    return lambda name: Bucket(name, lambda: client)


@pytest.fixture
def film(client: storage.Client, store: OpenBucket) -> storage.Blob:
    blob = client.bucket("films").blob("a b/日本.mov")
    blob.upload_from_string("a film")
    return blob


@pytest.fixture
def profiles(tmp_path: Path) -> ProfileFolder:
    (tmp_path / "p.yaml").write_text("video: {codec: libx264, crf: 30}\n", encoding="utf-8")
    return ProfileFolder(tmp_path)


def desk(store: OpenBucket, profiles: ProfileFolder, output: str = "made", work: str = "work") -> JobDesk:
    places = BucketSettings(input=Place(bucket="films"), output=Place(bucket=output), work=Place(bucket=work))
    return JobDesk(places, profiles, open_bucket=store)


def prepare(store: OpenBucket, profiles: ProfileFolder, **changes: object) -> Prepared:
    outcome = desk(store, profiles).prepare(Request(**{"source_url": FILM, "profile": "p", **changes}))  # type: ignore[arg-type]
    assert isinstance(outcome, Prepared)
    return outcome


def publish(client: storage.Client, prepared: Prepared) -> None:
    output = client.bucket(prepared.output.bucket).blob(prepared.output.name)
    output.metadata = publication_metadata(prepared.job)
    output.upload_from_string("made")


def test_the_job_is_frozen_and_nothing_else_is_written(
    store: OpenBucket, profiles: ProfileFolder, film: storage.Blob, client: storage.Client
) -> None:
    prepared = prepare(store, profiles, overrides={"video": {"crf": 20}})
    found = store("work").read(JobObjects(prepared.job.id).job)
    assert found is not None
    job = Job.from_json(found[0], "job")
    assert (job.source.generation, job.source.content.size_bytes) == (film.generation, 6)
    assert job.profile.video.crf == 20
    assert job.base_fingerprint == profiles.load("p").fingerprint() != job.profile.fingerprint()
    assert list(client.list_blobs("made")) == []
    assert [blob.name for blob in client.list_blobs("work")] == [JobObjects(job.id).job]


def test_the_same_request_keeps_the_document(store: OpenBucket, profiles: ProfileFolder, film: storage.Blob) -> None:
    name = JobObjects(prepare(store, profiles).job.id).job
    before = store("work").read(name)
    prepare(store, profiles)
    assert store("work").read(name) == before


def test_the_same_content_uploaded_again_is_the_same_job_with_the_new_generation(
    store: OpenBucket, profiles: ProfileFolder, film: storage.Blob
) -> None:
    first = prepare(store, profiles)
    film.upload_from_string("a film")
    second = prepare(store, profiles)
    assert second.job.id == first.job.id
    found = store("work").read(JobObjects(second.job.id).job)
    assert found is not None
    assert Job.from_json(found[0], "job").source.generation == film.generation != first.job.source.generation


def test_a_standing_output_ends_it_unless_it_shall_be_made_anew(
    store: OpenBucket, profiles: ProfileFolder, film: storage.Blob, client: storage.Client
) -> None:
    publish(client, prepare(store, profiles))
    request = Request(source_url=FILM, profile="p")
    assert isinstance(desk(store, profiles).prepare(request), Standing)
    assert prepare(store, profiles, is_made_anew=True)
    assert prepare(store, profiles, overrides={"video": {"crf": 20}})  # other settings were asked for by hand
    film.upload_from_string("another film")
    assert prepare(store, profiles)


def test_a_missing_and_an_empty_source_say_what_to_do(
    store: OpenBucket, profiles: ProfileFolder, film: storage.Blob
) -> None:
    with pytest.raises(SourceGone, match=r"gs://films/none\.mov: there is no such object; upload it"):
        prepare(store, profiles, source_url="gs://films/none.mov")
    film.upload_from_string("")
    with pytest.raises(UnreadableSource, match=r"is empty \(0 bytes\); upload it whole"):
        prepare(store, profiles)


def test_a_wrong_profile_is_refused_before_anything_is_written(
    store: OpenBucket, profiles: ProfileFolder, film: storage.Blob, client: storage.Client
) -> None:
    with pytest.raises(ProfileError, match="known: p"):
        prepare(store, profiles, profile="q")
    assert list(client.list_blobs("work")) == []


@pytest.mark.parametrize("missing", ["output", "work"])
def test_a_missing_bucket_is_found_out_at_once(
    store: OpenBucket, profiles: ProfileFolder, film: storage.Blob, missing: str
) -> None:
    asked = desk(store, profiles, **{missing: "nowhere"})
    with pytest.raises(BucketRefused, match=r"^gs://nowhere: does not exist .*create it, or mend the setting"):
        asked.prepare(Request(source_url=FILM, profile="p"))


def test_a_bucket_that_refuses_is_told_from_one_that_is_missing(store: OpenBucket) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(403)
            self.end_headers()
            self.wfile.write(b'{"error": {"message": "no storage.objects.create"}}')

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = open_storage(f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(BucketRefused, match=r"gs://made: refuses opening an upload .*grant Airflow's account"):
            Bucket("made", lambda: client).check_writable("film.mkv")
        client.close()
        server.shutdown()


def test_a_write_over_another_generation_is_refused(store: OpenBucket) -> None:
    bucket = store("work")
    generation = bucket.write("x.json", "1", NO_GENERATION)
    with pytest.raises(GenerationMoved):
        bucket.write("x.json", "2", NO_GENERATION)
    assert bucket.write("x.json", "2", generation) != generation
    assert bucket.delete("x.json")
    assert not bucket.delete("x.json")


class Book:
    def __init__(self, *under_way: str) -> None:
        self.under_way = under_way

    def count(self, run_ids: Sequence[str], states: Sequence[str] | None) -> int:
        known = [run for run in run_ids if run in self.under_way]
        return len(known) if states is None or "running" in states else 0


def test_one_run_at_a_time_holds_a_job(store: OpenBucket, profiles: ProfileFolder, film: storage.Blob) -> None:
    job = prepare(store, profiles).job.id
    claims = WorkBucketClaims(store("work"))
    assert claims.claimed_by(job) is None
    assert claims.take(job, "first", Book("first", "second")) is None
    assert claims.take(job, "first", Book("first", "second")) is None  # a retry of its own
    assert claims.take(job, "second", Book("first", "second")) == "first"
    assert claims.claimed_by(job) == "first"


def test_the_claim_of_a_run_that_is_over_or_unknown_is_taken_over(
    store: OpenBucket, profiles: ProfileFolder, film: storage.Blob
) -> None:
    job = prepare(store, profiles).job.id
    claims = WorkBucketClaims(store("work"))
    claims.take(job, "first", Book("first"))
    assert claims.take(job, "second", Book("second")) is None
    assert claims.claimed_by(job) == "second"


def test_the_last_run_at_a_source_is_known(store: OpenBucket) -> None:
    source = ObjectAddress(bucket="films", name="in/film.mov")
    claims = WorkBucketClaims(store("work"))
    assert claims.last_at(source) is None
    for run in ("first", "first", "second"):
        claims.note_source(source, run)
        assert claims.last_at(source) == run
