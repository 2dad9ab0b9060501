from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from encoding_contract.endings import is_video_name
from encoding_contract.job import Content, JobId
from encoding_contract.objects import output_name
from encoding_contract.profile import Container, Profile, VideoSettings
from encoding_contract.report import Published
from encoding_flow.scanning import Made, ScanRules, Survey, Verdict, survey_input

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
PROFILE = Profile(name="p", video=VideoSettings(crf=23))
OTHER = Profile(name="p", video=VideoSettings(crf=30))
WEBM = Container.WEBM


@dataclass(frozen=True)
class Object:
    name: str
    size_bytes: int = 100
    crc32c: str = "AAAAAA=="
    updated: datetime = NOW - timedelta(days=1)


def publish(
    source: Object, profile: Profile = PROFILE, container: Container = Container.MKV, base: Profile | None = None
) -> dict[str, Made]:
    published = Published(
        job_id=JobId("0" * 32),
        source=Content(size_bytes=source.size_bytes, crc32c=source.crc32c),
        profile=profile.name,
        profile_fingerprint=profile.fingerprint(),
        base_fingerprint=base.fingerprint() if base else None,
    )
    return {output_name("out/", source.name, container): Made.of(published)}


def survey(objects: list[Object], published: dict[str, Made] | None = None, **rules: object) -> Survey:
    fields = ScanRules.model_validate({"profile": PROFILE, **rules})
    return survey_input("films", "in/", objects, published or {}, "out/", fields, NOW)


def names(found: Survey) -> list[str]:
    return [candidate.source.name for candidate in found.candidates]


def test_a_video_without_an_output_is_new() -> None:
    found = survey([Object("in/a.mov")])
    assert names(found) == ["in/a.mov"]
    assert found.counts == {Verdict.NEW: 1}


def test_an_unchanged_video_is_skipped() -> None:
    film = Object("in/a.mov")
    found = survey([film], publish(film))
    assert (names(found), found.counts) == ([], {Verdict.UNCHANGED: 1})


@pytest.mark.parametrize("changed", [Object("in/a.mov", crc32c="BBBBBB=="), Object("in/a.mov", size_bytes=101)])
def test_other_content_under_the_same_name_is_new(changed: Object) -> None:
    assert names(survey([changed], publish(Object("in/a.mov")))) == ["in/a.mov"]


def test_the_same_content_under_another_name_is_new() -> None:
    assert names(survey([Object("in/b.mov")], publish(Object("in/a.mov")))) == ["in/b.mov"]


def test_a_changed_profile_alone_makes_nothing_new_and_is_counted() -> None:
    film = Object("in/a.mov")
    found = survey([film], publish(film, OTHER))
    assert (names(found), found.counts) == ([], {Verdict.STALE: 1})


def test_reprocess_takes_stale_ones_and_leaves_unchanged_ones() -> None:
    old, done = Object("in/old.mov"), Object("in/done.mov")
    found = survey([old, done], publish(old, OTHER) | publish(done), reprocess=True)
    assert names(found) == ["in/old.mov"]


def test_an_output_of_overridden_settings_is_stale_only_once_its_profile_has_changed() -> None:
    film = Object("in/a.mov")
    assert survey([film], publish(film, OTHER, base=PROFILE)).counts == {Verdict.UNCHANGED: 1}
    assert survey([film], publish(film, OTHER, base=OTHER)).counts == {Verdict.STALE: 1}


def test_an_output_of_another_container_counts_as_made() -> None:
    film = Object("in/a.mov")
    assert names(survey([film], publish(film, OTHER, WEBM))) == []


def test_names_that_are_no_videos_are_counted_and_passed_over() -> None:
    found = survey([Object("in/notes.txt"), Object("in/folder/"), Object("in/mp4"), Object("in/a.MP4")])
    assert names(found) == ["in/a.MP4"]
    assert found.counts == {Verdict.NO_VIDEO: 3, Verdict.NEW: 1}


@pytest.mark.parametrize("name", ["a.mts", "a.b.WebM", "x/y.m2v", "日本.mkv"])
def test_video_names(name: str) -> None:
    assert is_video_name(name)


@pytest.mark.parametrize(
    ("rules", "taken"),
    [
        ({"prefix": "b/"}, ["in/b/one.mov", "in/b/two.mkv"]),
        ({"include": ["*.mov"]}, ["in/a/one.mov", "in/b/one.mov"]),
        ({"include": ["a/*", "*two*"]}, ["in/a/one.mov", "in/b/two.mkv"]),
        ({"exclude": ["*/one.*"]}, ["in/b/two.mkv"]),
        ({"include": ["*.mov"], "exclude": ["a/*"]}, ["in/b/one.mov"]),
        ({"include": ["in/*"]}, []),  # patterns do not see the input's own prefix
    ],
)
def test_prefix_and_patterns(rules: dict[str, object], taken: list[str]) -> None:
    objects = [Object("in/a/one.mov"), Object("in/b/one.mov"), Object("in/b/two.mkv")]
    found = survey(objects, **rules)
    assert names(found) == taken
    assert found.counts.get(Verdict.FILTERED, 0) == 3 - len(taken)


def test_sizes() -> None:
    objects = [Object(f"in/{size}.mov", size_bytes=size) for size in (0, 1, 10, 11)]
    assert names(survey(objects)) == ["in/1.mov", "in/10.mov", "in/11.mov"]
    assert names(survey(objects, min_size_bytes=2, max_size_bytes=10)) == ["in/10.mov"]


def test_a_young_one_waits() -> None:
    young, old = (
        Object("in/y.mov", updated=NOW - timedelta(seconds=59)),
        Object("in/o.mov", updated=NOW - timedelta(seconds=60)),
    )
    found = survey([young, old], min_age_s=60)
    assert names(found) == ["in/o.mov"]
    assert found.counts[Verdict.YOUNG] == 1


def test_the_interval_is_half_open() -> None:
    start = NOW - timedelta(hours=5)
    end = NOW - timedelta(hours=4)
    objects = [Object(f"in/{n}.mov", updated=at) for n, at in enumerate((start, end, start - timedelta(seconds=1)))]
    assert names(survey(objects, arrived_from=start, arrived_until=end)) == ["in/0.mov"]


def test_what_came_outside_the_interval_is_not_counted_as_stale() -> None:
    film = Object("in/a.mov")
    found = survey([film], publish(film, OTHER), arrived_from=NOW - timedelta(hours=1), arrived_until=NOW)
    assert found.counts == {Verdict.FILTERED: 1}


def test_oldest_come_first() -> None:
    objects = [Object(f"in/{days}.mov", updated=NOW - timedelta(days=days)) for days in (2, 9, 5)]
    assert names(survey(objects)) == ["in/9.mov", "in/5.mov", "in/2.mov"]
