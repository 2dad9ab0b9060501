from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.cncf.kubernetes.triggers.pod import ContainerState, KubernetesPodTrigger
from airflow.triggers.base import TriggerEvent
from kubernetes.client import V1DeleteOptions
from kubernetes_asyncio.client import ApiException
from pendulum import DateTime
from tests.flow.pod_samples import make_live_pod

from encoding_flow import pod_trigger
from encoding_flow.pod_trigger import PatientPodManager, PodVerbTrigger


def make_trigger(started: datetime | None = None) -> PodVerbTrigger:
    return PodVerbTrigger(
        pod_uid="uid-of-the-first",
        pod_name="pod",
        pod_namespace="mapreel",
        trigger_start_time=started or datetime.now(UTC),
        base_container_name="encoder",
    )


def test_the_triggerer_is_told_this_class_and_can_make_it_again() -> None:
    path, arguments = make_trigger().serialize()
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

    def __init__(self, uid: str | None) -> None:
        self.uid = uid

    def __call__(self, connection: object) -> PodShelf:
        return self

    async def delete_namespaced_pod(self, name: str, namespace: str, body: V1DeleteOptions) -> None:
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


@pytest.mark.parametrize(("age_s", "waits"), [(0, True), (60, False)])
def test_an_event_of_a_short_pod_is_held_back(monkeypatch: pytest.MonkeyPatch, age_s: int, waits: bool) -> None:
    waited: list[float] = []

    async def fire(self: KubernetesPodTrigger) -> Any:
        self._fired_event = True
        yield TriggerEvent({"status": "success"})

    async def note(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(KubernetesPodTrigger, "run", fire)
    monkeypatch.setattr(pod_trigger.asyncio, "sleep", note)
    trigger = make_trigger(datetime.now(UTC) - timedelta(seconds=age_s))

    async def collect() -> list[TriggerEvent]:
        return [event async for event in trigger.run()]

    (event,) = asyncio.run(collect())
    assert event.payload == {"status": "success"}
    assert (sum(waited) > 0) is waits
