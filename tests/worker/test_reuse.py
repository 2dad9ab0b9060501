"""A changed profile encodes again what it must, and nothing else; and says so before and afterwards."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from encoding_contract.profile import AudioSettings, Profile
from encoding_worker.cli import app
from tests.worker.films import FilmShelf
from tests.worker.looks import check_frames
from tests.worker.work import Work

MakeWork = Callable[..., Work]


def again(work: Work, profile: Profile) -> Work:
    """The same source under another profile."""
    folder = work.folder / profile.fingerprint()[:8]
    folder.mkdir()
    return Work(work.buckets, work.film, profile, folder)


@pytest.fixture
def published(films: FilmShelf, quick: Profile, make_work: MakeWork) -> Work:
    """A film that is done."""
    work = make_work(films["plain.mp4"], quick)
    work.finish_chunks()
    work.merge()
    return work


def test_chunks_are_taken_over_where_only_the_sound_changed(
    published: Work, quick: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    other = again(published, quick.model_copy(update={"audio": AudioSettings(bitrate_kbps=64)}))
    with caplog.at_level("INFO"):
        plan = other.finish_chunks()
    taken = [message for message in caplog.messages if "taken over from job" in message]
    assert len(taken) == len(plan.chunks) > 1
    mine, theirs = other.contents(), published.contents()
    for chunk in plan.chunks:
        name = other.objects.chunk_video(chunk.index)
        assert mine[name] == theirs[published.objects.chunk_video(chunk.index)]
    other.merge()
    check_frames(other.film, other.fetch_output())


def test_a_cleared_chunk_is_encoded_although_an_earlier_job_has_it(
    published: Work, quick: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    other = again(published, quick.model_copy(update={"audio": AudioSettings(bitrate_kbps=64)}))
    other.finish_chunks()
    other.blob(other.objects.chunk_manifest(0)).delete()
    caplog.clear()
    with caplog.at_level("INFO"):
        other.encode(0)
    assert not [message for message in caplog.messages if "taken over" in message]
    assert other.blob(other.objects.chunk_manifest(0)).exists()


def test_lineage_names_source_job_chunks_and_proof(published: Work) -> None:
    output = f"gs://{published.job.output_bucket}/{published.published()[0]}"
    said = CliRunner().invoke(app, ["lineage", output])
    assert said.exit_code == 0, said.output
    for part in (
        published.job.source.address.url,
        published.job.id,
        published.job.profile.name,
        "ffmpeg",
        "encode_chunk",
    ):
        assert part in said.output
    assert "each once and in order" in said.output


@pytest.mark.parametrize(("output", "part"), [("gs://mapreel-out/nothing.mkv", "no such output"), ("nothing", "gs://")])
def test_lineage_of_nothing_is_bad_input(published: Work, output: str, part: str) -> None:
    said = CliRunner().invoke(app, ["lineage", output])
    assert said.exit_code == 65
    assert part in said.stderr


@pytest.mark.parametrize(
    ("changed", "chunks"), [({"audio": {"bitrate_kbps": 64}}, 0), ({"video": {"crf": 30}}, 3), ({}, None)]
)
def test_diff_counts_what_would_be_encoded_again(
    published: Work, quick: Profile, changed: dict[str, dict[str, int]], chunks: int | None, tmp_path: Path
) -> None:
    fields = quick.model_dump(mode="json", exclude={"name"}, exclude_none=True)
    for key, values in changed.items():
        fields[key] |= values
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(fields))
    output = f"gs://{published.job.output_bucket}/{published.published()[0]}"
    said = CliRunner().invoke(app, ["diff", "--profile", str(path), "--output", output])
    assert said.exit_code == 0, said.output
    if chunks is None:
        assert "0 films are stale" in said.output
    else:
        assert f"1 films are stale under changed; reprocessing them encodes {chunks} chunks" in said.output
