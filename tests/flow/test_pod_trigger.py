from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.cncf.kubernetes.triggers.pod import ContainerState, KubernetesPodTrigger
from airflow.providers.cncf.kubernetes.utils.pod_manager import AsyncPodManager
from airflow.triggers.base import TriggerEvent
from tests.flow.pod_samples import make_live_pod

from encoding_flow import pod_trigger
from encoding_flow.pod_trigger import PatientPodManager, PodVerbTrigger


def make_trigger(started: datetime | None = None) -> PodVerbTrigger:
    return PodVerbTrigger(
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


def test_a_log_that_cannot_be_read_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("no route to node-1")

    monkeypatch.setattr(AsyncPodManager, "fetch_container_logs_before_current_sec", refuse)
    manager = PatientPodManager(async_hook=None)  # type: ignore[arg-type]
    fetched = manager.fetch_container_logs_before_current_sec(make_live_pod(), "encoder", None)
    assert asyncio.run(fetched) is None


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
