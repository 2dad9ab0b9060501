"""Whom and what: a real web server is rung, and what is told of a run comes out of what Airflow knows of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import tests.airflow_home  # noqa: F401  # before Airflow

from encoding_contract.errors import BadInput  # isort: skip
from encoding_flow.names import TaskId  # isort: skip
from encoding_flow.news import Channel, Event, News, Target, Targets, run_link  # isort: skip
from encoding_flow.settings import FlowSettings  # isort: skip
from encoding_flow.telling import FAULT, RunNotifier, callbacks, leave_fault, tell_late  # isort: skip
from tests.bell import Bell, hung_up  # isort: skip

HOOK = Targets.parse("webhook:bell")
RUN = "film.mov~1"


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bell]:
    with hung_up() as bell:
        extra = {"headers": {"X-Room": "films"}}
        connection = {"conn_type": "http", "host": bell.url, "password": "sesame", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_BELL", json.dumps(connection))
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/")
        yield bell


class Instance:
    """A task instance as callbacks get it."""

    dag_id = "encode_video"

    def __init__(self, states: dict[str, str], kept: dict[tuple[str, str, int | None], str] | None = None) -> None:
        self.states = states
        self.kept = kept or {}

    def get_task_states(self, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
        assert dag_id == self.dag_id
        return {run_id: self.states for run_id in run_ids}

    def xcom_pull(self, task_ids: str, key: str = "return_value", map_indexes: int | None = None) -> str | None:
        return self.kept.get((task_ids, key, map_indexes))

    def xcom_push(self, key: str, value: str) -> None:
        self.kept[("me", key, None)] = value


def context(ti: Instance) -> Any:
    return {"ti": ti, "run_id": RUN, "params": {"source": "gs://in/film.mov", "profile": "p"}, "dag": None}


def test_success_is_told_once_with_the_output(bell: Bell) -> None:
    output = {(TaskId.ANNOUNCE.value, "return_value", None): "gs://out/film.mov.mkv"}
    RunNotifier(Event.SUCCESS, HOOK)(context(Instance({"announce_output": "success"}, output)))
    (news,) = bell.rung
    assert (news["event"], news["video"], news["output"]) == ("success", "gs://in/film.mov", "gs://out/film.mov.mkv")
    assert news["link"] == "https://airflow.example/dags/encode_video/runs/film.mov~1"
    assert "gs://in/film.mov encoded\nOutput: gs://out/film.mov.mkv" in news["text"]
    assert bell.headers[0]["Authorization"] == "Bearer sesame"
    assert bell.headers[0]["X-Room"] == "films"


def test_a_run_that_had_nothing_to_do_is_no_news(bell: Bell) -> None:
    RunNotifier(Event.SUCCESS, HOOK)(context(Instance({"prepare_job": "skipped", "announce_output": "skipped"})))
    RunNotifier(Event.SUCCESS, HOOK)({"run_id": RUN, "dag": None, "reason": "success"})
    assert bell.rung == []


def test_failure_is_told_with_task_chunk_error_line_and_link(bell: Bell) -> None:
    states = {
        **{"prepare_job": "success", "encode_chunk_2": "success", "encode_chunk_11": "failed"},
        **{"encode_chunk_3": "failed", "merge_video": "upstream_failed"},
    }
    line = "encode of chunk 3: exit 65 (bad input): the source is damaged"
    RunNotifier(Event.FAILURE, HOOK)(context(Instance(states, {("encode_chunk", FAULT, 3): line})))
    (news,) = bell.rung
    assert (news["event"], news["task"], news["chunk"], news["error"]) == ("failure", "encode_chunk", 3, line)
    assert news["link"].endswith("/runs/film.mov~1/tasks/encode_chunk/mapped/3")
    assert f"Task: encode_chunk, chunk 3\nError: {line}" in news["text"]


def test_a_task_that_was_killed_without_a_word_is_told_of_all_the_same(bell: Bell) -> None:
    RunNotifier(Event.FAILURE, HOOK)(context(Instance({"encode_audio": "failed"})))
    (news,) = bell.rung
    assert (news["task"], news["chunk"], news["error"]) == ("encode_audio", None, "it left no error line; see its log")


def test_a_run_without_task_instances_is_told_of_all_the_same(bell: Bell) -> None:
    RunNotifier(Event.FAILURE, HOOK)({"run_id": RUN, "dag": None, "reason": "timed_out"})
    assert [news["run_id"] for news in bell.rung] == [RUN]


def test_one_who_cannot_be_reached_keeps_nobody_from_being_told(bell: Bell, caplog: pytest.LogCaptureFixture) -> None:
    both = Targets.parse("webhook:nobody, webhook:bell")
    RunNotifier(Event.FAILURE, both)(context(Instance({"encode_audio": "failed"})))
    assert len(bell.rung) == 1
    assert "webhook:nobody was not told of film.mov~1" in caplog.text
    bell.status = 500
    RunNotifier(Event.FAILURE, HOOK)(context(Instance({"encode_audio": "failed"})))
    assert "webhook:bell was not told of film.mov~1" in caplog.text


def test_a_late_run_is_told_from_the_triggerer(bell: Bell) -> None:
    run = {"dag_run_id": RUN, "dag_id": "encode_video", "conf": {"source": "gs://in/film.mov", "profile": "p"}}
    asyncio.run(tell_late("webhook:bell", context={"dag_run": run, "deadline": {}}))
    (news,) = bell.rung
    assert (news["event"], news["video"], news["run_id"]) == ("late", "gs://in/film.mov", RUN)
    assert "gs://in/film.mov is late" in news["text"]


def test_a_failing_task_leaves_one_line() -> None:
    ti = Instance({})
    leave_fault({"ti": ti, "exception": RuntimeError("first\n second " + "x" * 5000)})  # type: ignore[arg-type]
    (left,) = ti.kept.values()
    assert left.startswith("first second xxx")
    assert len(left) == 2000


def test_targets_are_read_and_what_is_none_is_named() -> None:
    assert Targets.parse("").all == ()
    assert Targets.parse("webhook:bell , smtp:a@b.example").all == (
        Target(channel=Channel.WEBHOOK, name="bell"),
        Target(channel=Channel.SMTP, name="a@b.example"),
    )
    for wrong in ("slack:x", "webhook", "webhook:", "smtp: "):
        with pytest.raises(BadInput, match="MAPREEL_NOTIFY: expected webhook:CONNECTION or smtp:ADDRESS"):
            Targets.parse(wrong)


def test_a_dag_has_callbacks_only_where_somebody_wants_to_be_told() -> None:
    assert callbacks(FlowSettings()) == {}
    assert set(callbacks(FlowSettings(notify="webhook:bell"))) == {"on_success_callback", "on_failure_callback"}
    late = callbacks(FlowSettings(notify="webhook:bell", deadline_h=6))["deadline"]
    assert late.interval.total_seconds() == 6 * 3600
    assert late.callback.path == "encoding_flow.telling.tell_late"


def test_a_films_name_is_neither_a_template_nor_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    from encoding_flow.telling import tell

    sent: list[dict[str, Any]] = []
    hook = SimpleNamespace(notify=lambda context: None)
    monkeypatch.setattr(
        "airflow.providers.smtp.notifications.smtp.SmtpNotifier", lambda **given: sent.append(given) or hook
    )
    news = News(event=Event.FAILURE, video="gs://in/{{ conf }}<script>.mov", run_id=RUN)
    tell(Target(channel=Channel.SMTP, name="a@b.example"), news)
    assert sent[0]["to"] == "a@b.example"
    assert "{{" not in sent[0]["subject"] + sent[0]["html_content"]
    assert "<script>" not in sent[0]["html_content"]


def test_links_lead_to_run_and_task() -> None:
    assert run_link("", "d", "r") == ""
    assert run_link("http://x/", "d", "manual__2026-01-01T00:00:00+00:00") == (
        "http://x/dags/d/runs/manual__2026-01-01T00%3A00%3A00%2B00%3A00"
    )
