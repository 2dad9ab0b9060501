"""What one side writes the other reads, unchanged; what is another version's or somebody else's is refused by name."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from encoding_contract.command import PROGRAM, Command, Verb
from encoding_contract.errors import BadInput, ExitCode, IncompatibleVersion
from encoding_contract.job import Job
from encoding_contract.manifest import AudioManifest, ChunkManifest
from encoding_contract.model import CONTRACT_VERSION, VersionedDocument
from encoding_contract.plan import Plan
from encoding_contract.profile import Profile
from encoding_contract.report import (
    META_DURATION_US,
    META_METRIC,
    META_SOURCE_SIZE,
    Report,
    Summary,
    parse_publication,
    publication_metadata,
)
from tests.contract.documents import (
    audio_manifests,
    chunk_manifests,
    commands,
    jobs,
    plans,
    profiles,
    reports,
    summaries,
)

versioned = st.one_of(jobs(), plans(), chunk_manifests, audio_manifests, reports)
KINDS = [Job, Plan, ChunkManifest, AudioManifest, Report]


@given(versioned)
def test_a_stored_document_is_read_back_unchanged(document: VersionedDocument) -> None:
    text = document.to_json()
    found = type(document).from_json(text.encode(), "gs://work/it.json")
    assert found == document
    assert found.to_json() == text
    assert found.digest() == document.digest()


@given(profiles())
def test_a_profile_is_read_back_unchanged(profile: Profile) -> None:
    assert Profile.model_validate_json(profile.to_json()) == profile


@given(commands())
def test_a_command_is_read_back_unchanged(command: Command) -> None:
    assert Command.model_validate_json(command.to_json()) == command
    argv = command.to_argv()
    options = dict(zip(argv[2::2], argv[3::2], strict=True))
    chunk = options.get("--chunk")
    assert argv[0] == PROGRAM
    assert Command(verb=Verb(argv[1]), job_url=options["--job"], chunk=chunk and int(chunk)) == command


@given(versioned, st.sampled_from([0, 2, 99, None, "1", "none at all"]))
def test_a_document_of_another_version_is_incompatible(document: VersionedDocument, version: Any) -> None:
    fields = json.loads(document.to_json())
    if version == "none at all":
        del fields["version"]
    else:
        fields["version"] = version
    with pytest.raises(
        IncompatibleVersion, match=f"^gs://work/it.json: has contract version .*{CONTRACT_VERSION}"
    ) as e:
        type(document).from_json(json.dumps(fields), "gs://work/it.json")
    assert e.value.exit_code is ExitCode.INCOMPATIBLE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"<html>", b"[" * 100_000])
def test_garbage_is_bad_input_that_names_the_object(kind: type[VersionedDocument], text: bytes) -> None:
    with pytest.raises(BadInput, match=r"^gs://work/it\.json: is not JSON"):
        kind.from_json(text, "gs://work/it.json")


@pytest.mark.parametrize("kind", KINDS)
def test_another_kind_of_document_is_bad_input(kind: type[VersionedDocument]) -> None:
    with pytest.raises(BadInput, match=rf"^gs://work/it\.json: is no {kind.__name__}: "):
        kind.from_json('{"version": 1}', "gs://work/it.json")


@given(versioned)
def test_unknown_fields_are_refused_by_name(document: VersionedDocument) -> None:
    fields = {**json.loads(document.to_json()), "colour_of_the_moon": 1}
    with pytest.raises(BadInput, match="colour_of_the_moon"):
        type(document).from_json(json.dumps(fields), "gs://work/it.json")


@given(jobs())
def test_a_documents_bytes_do_not_depend_on_the_order_of_fields(job: Job) -> None:
    shuffled = dict(reversed(json.loads(job.to_json()).items()))
    assert Job.from_json(json.dumps(shuffled), "it").to_json() == job.to_json()


@pytest.mark.parametrize(
    "fields",
    [
        {"verb": "encode"},
        {"verb": "encode", "chunk": -1},
        {"verb": "split", "chunk": 0},
        {"verb": "merge", "chunk": 3},
        {"verb": "publish"},
        {"verb": "split", "job_url": "gs://work/job.json"},
        {"verb": "split", "job_url": "--help"},
    ],
)
def test_a_command_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Command.model_validate({"job_url": "gs://work/jobs/0123456789abcdef0123456789abcdef/job.json", **fields})


@given(jobs())
def test_a_published_outputs_metadata_tells_its_making(job: Job) -> None:
    metadata = publication_metadata(job)
    assert all(key == key.lower() for key in metadata)
    published = parse_publication(metadata)
    assert published is not None
    assert published.job_id == job.id
    assert published.source == job.source.content
    assert published.profile == job.profile.name
    assert published.profile_fingerprint == job.profile.fingerprint()
    assert published.base_fingerprint == job.base_fingerprint


@given(jobs(), summaries)
def test_a_films_figures_travel_in_its_metadata(job: Job, summary: Summary) -> None:
    metadata = publication_metadata(job, summary)
    published = parse_publication(metadata)
    assert published is not None
    assert published.summary == summary
    assert sum(len(key) + len(value) for key, value in metadata.items()) < 2048  # Cloud Storage takes 8 KiB


@given(jobs(), summaries)
def test_an_output_without_figures_or_with_strange_ones_is_done_all_the_same(job: Job, summary: Summary) -> None:
    bare = parse_publication(publication_metadata(job))
    assert bare is not None
    assert bare.summary is None
    metadata = publication_metadata(job, summary)
    for strange in ({META_DURATION_US: "long"}, {META_METRIC: "goodness"}, {META_DURATION_US: "-1"}):
        assert parse_publication(metadata | strange) == bare


@given(reports)
def test_a_report_sums_itself_up(report: Report) -> None:
    if report.chunks:
        summary = report.summarize()
        assert (summary.frames, summary.duration_us, summary.quality) == (
            *(report.frames, report.duration_us),
            report.quality,
        )


@given(chunk_manifests, reports)
def test_documents_of_before_there_was_a_quality_are_read(manifest: ChunkManifest, report: Report) -> None:
    for document, added in ((manifest, {"quality", "notes"}), (report, {"quality", "pictures"})):
        fields = {key: value for key, value in json.loads(document.to_json()).items() if key not in added}
        for chunk in fields.get("chunks", []):
            del chunk["samples"]
        found = type(document).from_json(json.dumps(fields), "it")
        assert found.quality is None


@given(jobs(), st.data())
def test_metadata_that_is_not_ours_publishes_nothing(job: Job, data: st.DataObject) -> None:
    metadata = publication_metadata(job)
    optional = {"mapreel-source-generation", "mapreel-profile-base-fingerprint"}  # not asked for, and not always there
    gone = data.draw(st.sampled_from(sorted(metadata.keys() - optional)))
    assert parse_publication({key: value for key, value in metadata.items() if key != gone}) is None
    assert parse_publication({**metadata, META_SOURCE_SIZE: "many"}) is None
    assert parse_publication(None) is None
    assert parse_publication({"goog-reserved": "1"}) is None
