"""What cannot be done ends in its exit code and one line that says what, which one, and what to do; nothing is left."""

from collections.abc import Callable
from pathlib import Path

import pytest

from encoding_contract.command import Verb
from encoding_contract.errors import ExitCode
from encoding_contract.profile import DamagePolicy, Profile, VideoCodec
from tests.corpus import load_profile
from tests.worker.films import SOUND, FilmShelf, run_ffmpeg
from tests.worker.looks import listen_to_what_is_said, look_at_frames
from tests.worker.work import Work

MakeWork = Callable[..., Work]


def make_text(path: Path) -> None:
    path.write_text("Dear diary, this is no film.\n" * 200)


def make_empty(path: Path) -> None:
    path.write_bytes(b"")


def make_sound(path: Path) -> None:
    run_ffmpeg("-f", "lavfi", "-i", SOUND.format(seconds=3), "-c:a", "aac", f"file:{path}")


def make_noise(path: Path) -> None:
    path.write_bytes(bytes(number * 7919 % 251 for number in range(100_000)))


def make_playlist(path: Path) -> None:
    # ffmpeg would open what it names.
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")


def make_headless(path: Path) -> None:
    # The head of a film whose upload was cut off: no index, so no frame can be found.
    whole = path.with_suffix(".whole.mp4")
    picture = "testsrc2=size=160x96:rate=25:duration=3"
    run_ffmpeg("-f", "lavfi", "-i", picture, "-c:v", "libx264", "-preset", "ultrafast", f"file:{whole}")
    path.write_bytes(whole.read_bytes()[:20_000])


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (make_text, ("is no video that ffmpeg can read", "remove it, or upload it again")),
        (make_empty, ("is empty (0 bytes); upload it again",)),
        (make_sound, ("has no video track; remove it, or upload it again",)),
        (make_noise, ("upload it again",)),
        (make_playlist, ("is no video that ffmpeg can read", "upload it again")),
        (make_headless, ("is no video that ffmpeg can read", "upload it again")),
    ],
)
def test_what_is_no_film_is_refused(
    make: Callable[[Path], None], parts: tuple[str, ...], quick: Profile, make_work: MakeWork, tmp_path: Path
) -> None:
    film = tmp_path / "no film.mp4"
    make(film)
    work = make_work(film, quick)
    before = work.generations()
    work.check_refused(work.run(Verb.SPLIT), ExitCode.BAD_INPUT, work.job.source.address.url, *parts)
    assert work.generations() == before


def test_a_source_that_is_gone_is_refused_by_split(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    work = make_work(films["plain.mp4"], quick)
    work.source_blob().delete()
    parts = (work.job.source.address.url, "is gone since the job was made; upload it again")
    work.check_refused(work.run(Verb.SPLIT), ExitCode.BAD_INPUT, *parts)


def test_a_source_that_was_replaced_is_refused_by_split(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    work = make_work(films["plain.mp4"], quick)
    work.source_blob().upload_from_filename(str(films["silent.mp4"]))
    parts = (work.job.source.address.url, "was replaced since the job was made", "the next scan takes the new one")
    work.check_refused(work.run(Verb.SPLIT), ExitCode.BAD_INPUT, *parts)


@pytest.mark.parametrize("fate", ["gone", "replaced"])
@pytest.mark.parametrize("verb", [Verb.ENCODE_AUDIO, Verb.MERGE])
def test_a_source_that_changes_on_the_way_is_never_published(
    films: FilmShelf, quick: Profile, make_work: MakeWork, fate: str, verb: Verb
) -> None:
    work = make_work(films["plain.mp4"], quick)
    if verb is Verb.MERGE:
        work.finish_chunks()
    else:
        work.split()
    if fate == "gone":
        work.source_blob().delete()
    else:
        work.source_blob().upload_from_filename(str(films["silent.mp4"]))
    work.check_refused(work.run(verb), ExitCode.BAD_INPUT, work.job.source.address.url)


def test_a_missing_output_bucket_is_named(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    work = make_work(films["silent.mp4"], quick)
    work.finish_chunks()
    nowhere = work.job.model_copy(update={"output_bucket": "mapreel-nowhere"})
    work.write_job(nowhere.to_json())
    parts = ("gs://mapreel-nowhere/", "make the bucket, then clear the task")
    work.check_refused(work.run(Verb.MERGE), ExitCode.BAD_INPUT, *parts)


def test_a_missing_job_document_names_the_task_to_clear(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    work = make_work(films["silent.mp4"], quick)
    work.blob(work.objects.job).delete()
    parts = (f"{work.objects.job}: there is no job document; clear prepare_job",)
    work.check_refused(work.run(Verb.SPLIT), ExitCode.BAD_INPUT, *parts)


@pytest.mark.parametrize("verb", [Verb.SPLIT, Verb.MERGE])
def test_a_job_document_that_is_garbage_is_refused(
    films: FilmShelf, quick: Profile, make_work: MakeWork, verb: Verb
) -> None:
    work = make_work(films["silent.mp4"], quick)
    work.write_job("{\n not json")
    work.check_refused(work.run(verb), ExitCode.BAD_INPUT, work.objects.job, "is not JSON", "delete it")


def test_a_job_document_of_another_job_is_refused(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    work = make_work(films["silent.mp4"], quick)
    work.write_job(work.job.to_json().replace("silent.mp4", "other.mp4"))
    parts = (work.objects.job, "does not follow from source and profile")
    work.check_refused(work.run(Verb.SPLIT), ExitCode.BAD_INPUT, *parts)


def test_a_job_document_of_another_version_is_incompatible(
    films: FilmShelf, quick: Profile, make_work: MakeWork
) -> None:
    work = make_work(films["silent.mp4"], quick)
    work.write_job(work.job.to_json().replace('"version": 1', '"version": 2'))
    parts = (work.objects.job, "has contract version 2, this program reads 1", "clear the run from prepare_job on")
    work.check_refused(work.run(Verb.SPLIT), ExitCode.INCOMPATIBLE, *parts)


def test_a_plan_of_another_version_is_incompatible(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    work = make_work(films["silent.mp4"], quick)
    work.split()
    plan = work.blob(work.objects.plan)
    plan.upload_from_string(plan.download_as_bytes().decode().replace('"version": 1', '"version": 2'))
    for verb, chunk in ((Verb.ENCODE, 0), (Verb.MERGE, None)):
        work.check_refused(work.run(verb, chunk), ExitCode.INCOMPATIBLE, work.objects.plan, "contract version 2")


def test_a_chunk_that_the_plan_does_not_have_is_refused(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    work = make_work(films["silent.mp4"], quick)
    work.split()
    parts = (f"job {work.job.id}: the plan has chunks 0 to 2, no chunk 99",)
    work.check_refused(work.run(Verb.ENCODE, 99), ExitCode.BAD_INPUT, *parts)


def test_encode_before_split_says_which_task_to_clear(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    work = make_work(films["silent.mp4"], quick)
    parts = (f"job {work.job.id}", "plan.json is missing; clear split_video")
    work.check_refused(work.run(Verb.ENCODE, 0), ExitCode.TRANSIENT, *parts)


def test_an_encoder_without_its_hardware_is_refused(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    video = quick.video.model_copy(update={"codec": VideoCodec.H264_NVENC, "preset": "p5"})
    work = make_work(films["silent.mp4"], quick.model_copy(update={"video": video}))
    work.split()
    parts = ("h264_nvenc needs an NVIDIA GPU", "take a profile without nvenc")
    work.check_refused(work.run(Verb.ENCODE, 0), ExitCode.BAD_INPUT, *parts)


def test_a_setting_that_is_no_number_is_named(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    work = make_work(films["silent.mp4"], quick)
    work.split()
    ended = work.run(Verb.ENCODE, 0, MAPREEL_THREADS="many")
    work.check_refused(ended, ExitCode.BAD_INPUT, "MAPREEL_THREADS='many': expected a number above 0")


def test_damage_is_refused_by_name(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    work = make_work(films.spoilt, quick)
    ends = [work.run(Verb.SPLIT)]
    if ends[0].status == 0:
        ends = [work.run(Verb.ENCODE, 0), work.run(Verb.ENCODE, 1), work.run(Verb.ENCODE, 2)]
    refused = [ended for ended in ends if ended.status]
    assert refused, "nobody noticed the damage"
    parts = (work.job.source.address.url, "the source is damaged", "set damaged: tolerate")
    work.check_refused(refused[-1], ExitCode.BAD_INPUT, *parts)


def test_tolerated_damage_is_told_and_the_rest_is_shown(films: FilmShelf, quick: Profile, make_work: MakeWork) -> None:
    work = make_work(films.spoilt, quick.model_copy(update={"damaged": DamagePolicy.TOLERATE}))
    work.split()
    report = work.merge()
    assert report.damage
    whole = [frame.number for frame in look_at_frames(films["plain.mp4"])]
    found = [frame.number for frame in look_at_frames(work.fetch_output())]
    assert found[:70] == whole[:70]
    assert found[-50:] == whole[-50:]
    assert 120 < len(found) == report.frames <= 150


def test_audio_may_be_left_out(films: FilmShelf, make_work: MakeWork) -> None:
    deaf = load_profile("whole-file", {"audio": {"codec": "none", "bitrate_kbps": None}})
    work = make_work(films["plain.mp4"], deaf)
    work.split()
    assert "audio was left out: the profile says audio.codec: none" in work.merge().notes
    assert [said.kind for said in listen_to_what_is_said(work.fetch_output())] == ["video"]
