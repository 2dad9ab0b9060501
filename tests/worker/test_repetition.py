"""Everything may be done twice, and whatever was lost or spoilt on the way is made again or refused."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.cloud import storage

from encoding_contract.errors import MapreelError, ResultMissing
from encoding_contract.profile import DamagePolicy, Profile
from tests.worker.films import FilmShelf
from tests.worker.looks import check_frames, check_sound
from tests.worker.work import Work

MakeWork = Callable[..., Work]


def test_a_verb_leaves_a_result_that_stands(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    work = make_work(films["open gop.mp4"], quick)
    work.finish_chunks()
    before = work.generations()
    assert len(before) == 3 + 3 + 3 * 3 + 1, sorted(before)
    work.finish_chunks()
    assert work.generations() == before
    work.merge()
    assert work.generations() == before
    first = work.fetch_output().read_bytes()
    work.merge()
    assert work.generations() == before
    assert len(work.fetch_output().read_bytes()) == len(first)
    check_frames(work.film, work.fetch_output())


def test_a_cleared_chunk_is_made_anew_and_nothing_else(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    work = make_work(films["plain.mp4"], quick)
    work.finish_chunks()
    before = work.generations()
    work.blob(work.objects.chunk_manifest(1)).delete()
    work.encode(1)
    after = work.generations()
    changed = {name for name in after if after[name] != before[name]}
    mine = {work.objects.chunk_manifest(1), work.objects.chunk_video(1), work.objects.chunk_frames(1)}
    assert changed == mine


def test_a_new_profile_with_the_same_pictures_takes_no_chunk_of_another_quality(
    films: FilmShelf, quick: Profile, make_work: MakeWork
) -> None:
    work = make_work(films["plain.mp4"], quick)
    work.finish_chunks()
    coarse = quick.model_copy(update={"video": quick.video.model_copy(update={"crf": 40})})
    (work.folder / "coarse").mkdir()
    other = Work(work.buckets, work.film, coarse, work.folder / "coarse")
    other.finish_chunks()
    assert other.job.id != work.job.id
    small, large = (each.contents()[each.objects.chunk_video(0)] for each in (other, work))
    assert len(small) < len(large)


PIECE = "pieces/000-000001.mkv"
CHUNK = "chunks/000001/"
OBJECTS = [
    PIECE,
    f"{CHUNK}video.mkv",
    f"{CHUNK}frames.txt",
    f"{CHUNK}manifest.json",
    "audio/000.mka",
    "audio.json",
]


class Harm:
    """What may befall an object."""

    def __init__(self, work: Work, name: str) -> None:
        self.blob = work.blob(f"{work.objects.prefix}{name}")
        self.neighbour = work.blob(f"{work.objects.prefix}{name}".replace("000001", "000000"))

    def delete(self) -> None:
        self.blob.delete()

    def truncate(self) -> None:
        content = self.blob.download_as_bytes()
        self.blob.upload_from_string(content[: len(content) * 2 // 3])

    def empty(self) -> None:
        self.blob.upload_from_string(b"")

    def swap(self) -> None:
        # Where it has no neighbour, with something of another kind.
        other = self.neighbour if self.neighbour.name != self.blob.name else None
        self.blob.upload_from_string(b'{"version": 1}' if other is None else other.download_as_bytes())


HARMS = [Harm.delete, Harm.truncate, Harm.empty, Harm.swap]


@pytest.fixture(scope="module")
def finished(
    buckets: storage.Client, films: FilmShelf, quick: Profile, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Work, dict[str, bytes]]:
    """A film of two chunks of which all is made but the merged one, and its objects."""
    folder = tmp_path_factory.mktemp("finished")
    film = folder / "to be harmed.mp4"
    film.write_bytes(films["plain.mp4"].read_bytes())
    work = Work(buckets, film, quick, folder)
    work.finish_chunks()
    return work, work.contents()


@pytest.fixture
def harmed(finished: tuple[Work, dict[str, bytes]]) -> Iterator[Work]:
    work, contents = finished
    work.restore(contents)
    yield work
    work.restore(contents)


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
@pytest.mark.parametrize("name", OBJECTS)
def test_what_was_spoilt_before_merge_is_made_again(harmed: Work, name: str, harm: Callable[[Harm], None]) -> None:
    harm(Harm(harmed, name))
    if name == PIECE:
        harmed.blob(harmed.objects.chunk_manifest(1)).delete()
    report = harmed.merge()
    check_whole(harmed)
    assert report.damage == ()


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_a_spoilt_piece_is_no_damage_of_the_source(
    films: FilmShelf, quick: Profile, make_work: MakeWork, harm: Callable[[Harm], None]
) -> None:
    tolerant = quick.model_copy(update={"damaged": DamagePolicy.TOLERATE})
    work = make_work(films["plain.mp4"], tolerant)
    work.split()
    harm(Harm(work, PIECE))
    assert work.merge().damage == ()
    check_whole(work)


@pytest.mark.parametrize("harm", [Harm.truncate, Harm.empty, Harm.swap], ids=lambda harm: harm.__name__)
def test_a_spoilt_plan_is_refused_by_merge_and_made_again_by_split(harmed: Work, harm: Callable[[Harm], None]) -> None:
    before = harmed.contents()
    harm(Harm(harmed, "plan.json"))
    for refused in (harmed.merge, harmed.encode_audio, lambda: harmed.encode(0)):
        with pytest.raises(MapreelError, match=r"plan\.json"):
            refused()
    assert harmed.published() == []
    harmed.split()
    assert harmed.contents()[harmed.objects.plan] == before[harmed.objects.plan]


def test_a_missing_plan_names_the_task_to_clear(harmed: Work) -> None:
    harmed.blob(harmed.objects.plan).delete()
    with pytest.raises(ResultMissing, match=r"plan\.json is missing; clear split_video"):
        harmed.merge()
    assert harmed.published() == []


def test_a_plan_of_another_job_is_not_believed(harmed: Work) -> None:
    text = harmed.blob(harmed.objects.plan).download_as_bytes().decode()
    harmed.blob(harmed.objects.plan).upload_from_string(text.replace(harmed.job.id, "0" * 32))
    with pytest.raises(ResultMissing, match="clear split_video"):
        harmed.merge()
    assert harmed.published() == []


def test_all_work_may_be_lost_but_the_plan(harmed: Work) -> None:
    for name in harmed.generations():
        if name not in (harmed.objects.plan, harmed.objects.job):
            harmed.blob(name).delete()
    harmed.merge()
    check_whole(harmed)


def check_whole(work: Work) -> None:
    output: Path = work.fetch_output()
    check_frames(work.film, output)
    check_sound(work.film, output)
