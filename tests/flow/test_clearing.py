import logging
from dataclasses import dataclass, field

import pytest

from encoding_contract.command import Command, Verb
from encoding_flow.clearing import forget_cleared_result

JOB = "0" * 32
URL = f"gs://work/jobs/{JOB}/job.json"
RETRIES = 3
MANIFESTS = {
    Verb.SPLIT: f"jobs/{JOB}/plan.json",
    Verb.ENCODE: f"jobs/{JOB}/chunks/000007/manifest.json",
    Verb.ENCODE_AUDIO: f"jobs/{JOB}/audio.json",
}


class Instance:
    """Airflow's bookkeeping of a task instance, as clear_task_instances and the scheduler do it (3.3.2)."""

    def __init__(self) -> None:
        self.try_number = 1
        self.max_tries = RETRIES
        self.store = Store()

    def retry(self) -> None:
        self.try_number += 1

    def clear(self) -> None:
        self.max_tries = self.try_number + RETRIES
        self.try_number += 1


@dataclass
class Store:
    values: dict[str, object] = field(default_factory=dict)

    def get(self, key: str) -> object:
        return self.values.get(key)

    def set(self, key: str, value: int) -> None:
        self.values[key] = value


class FakeBucket:
    objects: set[str]

    def __init__(self, name: str) -> None:
        assert name == "work"

    def delete(self, name: str) -> bool:
        is_there = name in self.objects
        self.objects.discard(name)
        return is_there


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> type[FakeBucket]:
    monkeypatch.setattr(FakeBucket, "objects", {*MANIFESTS.values(), "jobs/other"}, raising=False)
    return FakeBucket


def command(verb: Verb) -> Command:
    return Command(verb=verb, job_url=URL, chunk=7 if verb is Verb.ENCODE else None)


def forget(verb: Verb, instance: Instance, bucket: type[FakeBucket]) -> bool:
    return forget_cleared_result(command(verb), instance, RETRIES, instance.store, bucket)  # type: ignore[arg-type]


@pytest.mark.parametrize("verb", MANIFESTS)
def test_a_first_run_and_its_retries_delete_nothing(verb: Verb, bucket: type[FakeBucket]) -> None:
    instance = Instance()
    for _ in range(RETRIES):
        assert not forget(verb, instance, bucket)
        instance.retry()
    assert MANIFESTS[verb] in bucket.objects


@pytest.mark.parametrize("verb", MANIFESTS)
def test_clearing_deletes_what_vouches_and_nothing_else_and_says_so(
    verb: Verb, bucket: type[FakeBucket], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="encoding_flow.clearing")
    before = set(bucket.objects)
    instance = Instance()
    instance.clear()
    assert forget(verb, instance, bucket)
    assert bucket.objects == before - {MANIFESTS[verb]}
    assert f"This task was cleared, so its result is made anew: deleted gs://work/{MANIFESTS[verb]}" in caplog.messages


def test_a_retry_after_clearing_keeps_what_was_made_since(bucket: type[FakeBucket]) -> None:
    instance = Instance()
    instance.clear()
    forget(Verb.ENCODE, instance, bucket)
    bucket.objects.add(MANIFESTS[Verb.ENCODE])  # the first try made it, and died before it could say so
    instance.retry()
    assert not forget(Verb.ENCODE, instance, bucket)
    assert MANIFESTS[Verb.ENCODE] in bucket.objects


def test_a_retry_deletes_where_the_first_try_after_clearing_never_came_so_far(bucket: type[FakeBucket]) -> None:
    instance = Instance()
    instance.clear()
    instance.retry()
    assert forget(Verb.ENCODE, instance, bucket)


def test_a_second_clearing_deletes_again(bucket: type[FakeBucket]) -> None:
    instance = Instance()
    instance.clear()
    forget(Verb.SPLIT, instance, bucket)
    bucket.objects.add(MANIFESTS[Verb.SPLIT])
    instance.clear()
    assert forget(Verb.SPLIT, instance, bucket)


def test_merging_has_nothing_to_forget(bucket: type[FakeBucket]) -> None:
    before = set(bucket.objects)
    instance = Instance()
    instance.clear()
    assert not forget(Verb.MERGE, instance, bucket)
    assert bucket.objects == before
