from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.cncf.kubernetes.triggers.pod import ContainerState, KubernetesPodTrigger
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent
from kubernetes.client import V1DeleteOptions
from kubernetes.client import models as k8s
from kubernetes_asyncio.client import ApiException
from pendulum import DateTime
from tests.flow.pod_samples import end_container, make_live_pod

from encoding_flow import pod_trigger
from encoding_flow.pod_trigger import PatientPodManager, PodVerbTrigger


def make_trigger(started: datetime | None = None, ends_task: bool = False) -> PodVerbTrigger:
    return PodVerbTrigger(
        pod_uid="uid-of-the-first",
        ends_task=ends_task,
        pod_name="pod",
        pod_namespace="mapreel",
        trigger_start_time=started or datetime.now(UTC),
        base_container_name="encoder",
    )


def test_the_triggerer_is_told_this_class_and_can_make_it_again() -> None:
    path, arguments = make_trigger(ends_task=True).serialize()
    assert path == "encoding_flow.pod_trigger.PodVerbTrigger"
    assert PodVerbTrigger(**arguments).serialize() == (path, arguments)


def test_a_pod_on_a_lost_node_counts_as_failed() -> None:
    pod = make_live_pod("Running")
    trigger = make_trigger()
    assert trigger.define_pod_container_state(pod) is not ContainerState.FAILED
    pod.metadata.deletion_timestamp = datetime.now(UTC) - timedelta(seconds=60)
    assert trigger.define_pod_container_state(pod) is ContainerState.FAILED


class PodShelf:
    """An API server with one pod, in place of a client of it."""

    def __init__(self, uid: str | None, is_away: bool = False) -> None:
        self.uid = uid
        self.is_away = is_away

    def __call__(self, connection: object) -> PodShelf:
        return self

    async def delete_namespaced_pod(self, name: str, namespace: str, body: V1DeleteOptions) -> None:
        if self.is_away:
            raise ApiException(status=503)
        if self.uid is None:
            raise ApiException(status=404)
        if body.preconditions.uid not in (None, self.uid):
            raise ApiException(status=409)
        self.uid = None


class Connections:
    """A hook that can connect."""

    @asynccontextmanager
    async def get_conn(self) -> AsyncIterator[None]:
        yield


@pytest.mark.parametrize(
    ("standing", "left"), [("uid-of-the-first", None), ("uid-of-its-successor", "uid-of-its-successor"), (None, None)]
)
def test_a_trigger_that_is_cancelled_late_spares_the_successor(
    monkeypatch: pytest.MonkeyPatch, standing: str | None, left: str | None
) -> None:
    shelf = PodShelf(standing)
    monkeypatch.setattr(pod_trigger, "CoreV1Api", shelf)
    monkeypatch.setattr(PodVerbTrigger, "hook", Connections())
    asyncio.run(make_trigger().on_kill())
    assert shelf.uid == left


class LogHook:
    """A hook whose pod has said these lines."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.is_away = False

    async def read_logs(self, *_: Any) -> list[str]:
        if self.is_away:
            raise ConnectionError("no route to node-1")
        return self.lines


class EventHook:
    """A hook whose pod has one event; then it has no more of them."""

    def __init__(self) -> None:
        self.manager = PatientPodManager(async_hook=self)  # type: ignore[arg-type]

    async def watch_pod_events(self, **_: Any) -> AsyncIterator[k8s.CoreV1Event]:
        self.manager.stop_watching_events = True
        metadata = k8s.V1ObjectMeta(uid="event-1")
        yield k8s.CoreV1Event(
            metadata=metadata, message="0/2 nodes are available", involved_object=k8s.V1ObjectReference()
        )


@pytest.mark.parametrize(("patience_s", "told"), [(0.0, True), (60.0, False)])
def test_a_pod_that_starts_late_tells_why_and_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], patience_s: float, told: bool
) -> None:
    monkeypatch.setattr(pod_trigger, "_QUICK_START_S", patience_s)

    async def start() -> None:
        watch = asyncio.create_task(EventHook().manager.watch_pod_events(make_live_pod()))
        await asyncio.wait([watch], timeout=0.2)
        watch.cancel()

    asyncio.run(start())
    assert ("0/2 nodes are available" in capsys.readouterr().out) is told


def fetch(hook: LogHook, since: DateTime | None = None) -> DateTime | None:
    manager = PatientPodManager(async_hook=hook)  # type: ignore[arg-type]
    return asyncio.run(manager.fetch_container_logs_before_current_sec(make_live_pod(), "encoder", since))


def test_a_log_that_cannot_be_read_does_not_end_the_watch() -> None:
    hook = LogHook()
    hook.is_away = True
    assert fetch(hook) is None


def test_what_a_pod_says_in_the_second_of_a_read_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    hook = LogHook(f"{now.isoformat()} WARNING slow")
    since = fetch(hook)
    hook.is_away = True
    since = fetch(hook, since)
    hook.is_away = False
    hook.lines.append(f"{(now + timedelta(milliseconds=1)).isoformat()} done")
    assert fetch(hook, since) == now + timedelta(milliseconds=1)
    said = [line for line in capsys.readouterr().out.splitlines() if "[encoder]" in line]
    assert ["[warning" in line and "[encoder] WARNING slow" in line for line in said] == [True, False]
    assert "[encoder] done" in said[1]


LAST_WORDS_AT = DateTime(2026, 11, 28, 10, 0, 1, tzinfo=UTC)


class Watch:
    """A trigger whose pod stands so when the provider's watch fires ``status``, and what came of it."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        pod: k8s.V1Pod,
        *,
        status: str = "success",
        ends_task: bool = True,
        age_s: float = 0,
        is_log_away: bool = False,
        is_api_away: bool = False,
    ) -> None:
        self.waited: list[float] = []
        self.shelf = PodShelf(pod.metadata.uid, is_api_away)
        hook = LogHook(f"{LAST_WORDS_AT.isoformat()} the last words")
        hook.is_away = is_log_away

        async def fire(trigger: KubernetesPodTrigger) -> Any:
            trigger._fired_event = True
            yield TriggerEvent({"status": status})

        async def note(seconds: float) -> None:
            self.waited.append(seconds)

        async def get_pod(_: object) -> k8s.V1Pod:
            return pod

        monkeypatch.setattr(KubernetesPodTrigger, "run", fire)
        monkeypatch.setattr(PodVerbTrigger, "_get_pod", get_pod)
        monkeypatch.setattr(PodVerbTrigger, "hook", Connections())
        monkeypatch.setattr(PodVerbTrigger, "pod_manager", PatientPodManager(async_hook=hook))  # type: ignore[arg-type]
        monkeypatch.setattr(pod_trigger, "CoreV1Api", self.shelf)
        monkeypatch.setattr(pod_trigger.asyncio, "sleep", note)
        self.trigger = make_trigger(datetime.now(UTC) - timedelta(seconds=age_s), ends_task)

    def fire(self) -> TriggerEvent:
        async def collect() -> list[TriggerEvent]:
            return [event async for event in self.trigger.run()]

        (event,) = asyncio.run(collect())
        return event


def make_ended_pod(exit_code: int = 0, uid: str = "uid-of-the-first") -> k8s.V1Pod:
    pod = end_container(make_live_pod(), exit_code)
    pod.metadata.uid = uid
    return pod


def test_a_pod_that_has_done_its_work_ends_its_task_without_waking_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    watch = Watch(monkeypatch, make_ended_pod())
    assert isinstance(watch.fire(), TaskSuccessEvent)
    assert "[encoder] the last words" in capsys.readouterr().out
    assert watch.shelf.uid is None
    assert watch.waited == []


@pytest.mark.parametrize(
    ("pod", "circumstances"),
    [
        (make_ended_pod(), {"ends_task": False}),
        (make_ended_pod(), {"is_log_away": True}),
        (make_ended_pod(), {"is_api_away": True}),
        (make_ended_pod(uid="uid-of-its-successor"), {}),
        (make_ended_pod(exit_code=65), {}),
        (make_ended_pod(exit_code=65), {"status": "failed"}),
    ],
    ids=[
        "the task has more to do",
        "its log cannot be read now",
        "the API server is away",
        "it is another pod",
        "it failed meanwhile",
        "it failed",
    ],
)
def test_of_any_other_pod_the_task_is_told_and_the_pod_left_to_it(
    monkeypatch: pytest.MonkeyPatch, pod: k8s.V1Pod, circumstances: dict[str, Any]
) -> None:
    watch = Watch(monkeypatch, pod, **circumstances)
    event = watch.fire()
    assert type(event) is TriggerEvent
    assert event.payload["status"] == circumstances.get("status", "success")
    # What was printed is not printed by the task again.
    printed = event.payload.get("last_log_time")
    assert (printed == LAST_WORDS_AT) is ("is_api_away" in circumstances)
    assert watch.shelf.uid == pod.metadata.uid


@pytest.mark.parametrize(("age_s", "waits"), [(0, True), (60, False)])
def test_an_event_of_a_short_pod_that_wakes_its_task_is_held_back(
    monkeypatch: pytest.MonkeyPatch, age_s: int, waits: bool
) -> None:
    watch = Watch(monkeypatch, make_ended_pod(exit_code=65), status="failed", age_s=age_s)
    watch.fire()
    assert (sum(watch.waited) > 0) is waits
