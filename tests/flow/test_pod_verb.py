from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.sdk import Asset, BaseHook, Connection
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from kubernetes.client import models as k8s
from tests.flow.pod_samples import end_container, hold_container, make_command, make_job, make_live_pod, make_pod

from encoding_contract.command import Verb
from encoding_flow import pod_verb
from encoding_flow.pod_recovery import PodHistory
from encoding_flow.pod_trigger import PodVerbTrigger
from encoding_flow.pod_verb import PodVerb


def make_operator() -> PodVerb:
    return PodVerb(task_id="encode_chunk", verb=Verb.ENCODE, job_url=make_command(make_job()).job_url, chunk=7)


class FreeWay:
    """A claim that nobody disputes."""

    def __init__(self, client: object, wanted: k8s.V1Pod) -> None:
        self._wanted = wanted

    def clear_way(self) -> None:
        """No other pod stands."""

    def take(self, standing: None) -> k8s.V1Pod:
        assert standing is None
        return self._wanted


class Bench:
    """A PodVerb whose cluster is a list of what happened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pod: k8s.V1Pod | None) -> None:
        self.operator = make_operator()
        self.histories: list[PodHistory] = []
        self.deleted: list[str] = []
        client = SimpleNamespace(delete_namespaced_pod=lambda name, namespace, body: self.deleted.append(name))
        monkeypatch.setattr(PodVerb, "client", client)
        monkeypatch.setattr(PodVerb, "_find", lambda _, event: pod)
        monkeypatch.setattr(PodVerb, "_report", lambda *_: None)
        monkeypatch.setattr(PodVerb, "_build", self._build)
        monkeypatch.setattr(pod_verb, "PodClaim", FreeWay)
        monkeypatch.setattr(PodVerb, "invoke_defer_method", self._defer)
        monkeypatch.setattr(pod_verb.KubernetesPodOperator, "trigger_reentry", lambda *_: "the provider's way")

    def resume(self, status: str, **event: Any) -> Any:
        full = {"status": status, "name": "pod", "namespace": "mapreel", "message": "said", **event}
        return self.operator.trigger_reentry({}, full)  # type: ignore[arg-type]

    def _build(self, context: object, history: PodHistory) -> k8s.V1Pod:
        self.histories.append(history)
        return make_pod()

    def _defer(self, context: object) -> None:
        raise TaskDeferred(trigger=None, method_name="trigger_reentry")


def defer(monkeypatch: pytest.MonkeyPatch, *listeners: object, **changes: Any) -> PodVerbTrigger:
    # Airflow's own would load all plugins to find out.
    monkeypatch.setattr(pod_verb, "get_listener_manager", lambda: SimpleNamespace(has_listeners=bool(listeners)))
    operator = make_operator()
    operator.pod = make_live_pod("Running")
    operator.pod.metadata.uid = "one of many"
    for name, value in changes.items():
        setattr(operator, name, value)
    monkeypatch.setattr(operator, "convert_config_file_to_dict", lambda: None)
    with pytest.raises(TaskDeferred) as deferral:
        operator.invoke_defer_method()
    assert isinstance(deferral.value.trigger, PodVerbTrigger)
    return deferral.value.trigger


def test_airflow_is_asked_for_the_connection_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def find(conn_id: str) -> Connection:
        asked.append(conn_id)
        return Connection(conn_id=conn_id, extra='{"cluster_context": "films"}')

    monkeypatch.setattr(BaseHook, "get_connection", find)
    trigger = defer(monkeypatch)
    assert asked == ["kubernetes_default"]
    assert trigger.kubernetes_conn_id == "kubernetes_default"
    assert trigger.connection_extras == {"cluster_context": "films"}


def test_the_trigger_knows_its_pod_from_others_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert defer(monkeypatch).pod_uid == "one of many"


def test_a_task_that_has_more_to_do_at_its_end_is_woken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert defer(monkeypatch).ends_task
    assert not defer(monkeypatch, outlets=[Asset("films")]).ends_task
    assert not defer(monkeypatch, on_success_callback=[print]).ends_task
    assert not defer(monkeypatch, "OpenLineage's").ends_task


def test_a_finished_pod_goes_the_providers_way(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, end_container(make_live_pod(), 0))
    assert bench.resume("success") == "the provider's way"


def test_a_running_pod_after_an_error_of_the_watch_is_watched_on_with_its_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(monkeypatch, make_live_pod("Running"))
    history = PodHistory(disruptions=2)
    assert bench.resume("error", **history.to_trigger_kwargs()) == "the provider's way"
    assert bench.operator.trigger_kwargs == history.to_trigger_kwargs()


def test_a_deleted_pod_is_started_over_without_failing_the_try(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, None)
    with pytest.raises(TaskDeferred):
        bench.resume("error", **PodHistory(disruptions=1).to_trigger_kwargs())
    assert bench.histories == [PodHistory(disruptions=2)]


def test_a_pod_out_of_memory_is_started_over_with_more(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, end_container(make_live_pod(), 137, "OOMKilled"))
    with pytest.raises(TaskDeferred):
        bench.resume("failed")
    assert bench.histories[0].growth.memory == 1


@pytest.mark.parametrize(
    ("exit_code", "kind"),
    [(65, AirflowFailException), (76, AirflowFailException), (75, AirflowException), (1, AirflowException)],
)
def test_an_exit_code_decides_about_retries(
    monkeypatch: pytest.MonkeyPatch, exit_code: int, kind: type[Exception]
) -> None:
    pod = end_container(make_live_pod(), exit_code, message="what went wrong")
    bench = Bench(monkeypatch, pod)
    with pytest.raises(AirflowException, match=r"encode of gs://work/.*, chunk 7: exit .*: what went wrong") as raised:
        bench.resume("failed")
    assert type(raised.value) is kind
    assert bench.deleted == [pod.metadata.name]


def test_an_image_that_cannot_be_pulled_fails_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    pod = hold_container(make_live_pod(), "ErrImagePull", "not found")
    bench = Bench(monkeypatch, pod)
    with pytest.raises(AirflowException, match=r"image registry.example/encoder:1 cannot be pulled"):
        bench.resume("error")
    assert bench.deleted == [pod.metadata.name]


def test_the_end_of_a_tasks_time_deletes_its_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    pod = make_live_pod("Running")
    bench = Bench(monkeypatch, pod)
    with pytest.raises(AirflowException, match="overtime: said"):
        bench.resume("timeout")
    assert bench.deleted == [pod.metadata.name]


def test_the_rest_of_a_log_is_what_the_trigger_has_not_brought(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = b"2026-11-28T10:00:01.1Z one\n2026-11-28T10:00:01.2Z tw\xff\n2026-11-28T10:00:01.3Z \n"
    client = SimpleNamespace(read_namespaced_pod_log=lambda *_, **__: SimpleNamespace(data=log))
    monkeypatch.setattr(PodVerb, "client", client)
    operator = PodVerb(task_id="split_video", verb=Verb.SPLIT, job_url=make_command(make_job()).job_url)
    operator._write_logs(make_live_pod(), since_time=pendulum.datetime(2026, 11, 28, 10, 0, 1, microsecond=100_000))
    said = capsys.readouterr().out
    assert said.count("[encoder] logs:") == said.count("[encoder] logs: tw\\xff") == 1
