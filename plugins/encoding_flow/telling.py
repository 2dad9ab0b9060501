"""Tells people of a video's end: Airflow notifiers on success, on failure, and on a missed deadline.

Success and failure of a run are told from Airflow's DAG processor, which knows no exception; so a failing task leaves
its error line as an XCom. A deadline is told from the triggerer.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseNotifier, Connection, Context
from airflow.sdk.configuration import conf
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from encoding_flow.names import DagId, TaskId
from encoding_flow.news import Channel, Event, News, Target, Targets, run_link
from encoding_flow.settings import FlowSettings

logger = logging.getLogger(__name__)

FAULT = "fault"
"""The XCom in which a failing task leaves its error line."""

_LINE_LIMIT = 2000
_TIMEOUT_S = 15
_FAILED = "failed"
_SUCCESS = "success"


class RunNotifier(BaseNotifier):
    """Tells all targets of a run's end.

    Args:
        event: success or failure.
        targets: whom.
    """

    def __init__(self, event: Event, targets: Targets) -> None:
        super().__init__()
        self.event = event
        self.targets = targets

    def notify(self, context: Context) -> None:
        """Tell; a target that cannot be reached is logged, and the others are told all the same."""
        news = read_news(self.event, context)
        if news is None:
            return
        for target in self.targets.all:
            tell(target, news)


def callbacks(settings: FlowSettings) -> dict[str, Any]:
    """Return the arguments of the DAG that have people told; none where nobody wants to be.

    Raises:
        BadInput: MAPREEL_NOTIFY names no target.
    """
    targets = Targets.parse(settings.notify)
    if not targets.all:
        return {}
    arguments: dict[str, Any] = {
        "on_success_callback": RunNotifier(Event.SUCCESS, targets),
        "on_failure_callback": RunNotifier(Event.FAILURE, targets),
    }
    if settings.deadline_h is not None:
        arguments["deadline"] = DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(hours=settings.deadline_h),
            callback=AsyncCallback(tell_late, kwargs={"notify": settings.notify}),
            name="encode_video is late",
        )
    return arguments


def leave_fault(context: Context) -> None:
    """Leave a failing task's error line for whoever tells of the run's end: the tasks' ``on_failure_callback``."""
    line = " ".join(str(context.get("exception") or "").split())
    context["ti"].xcom_push(key=FAULT, value=line[:_LINE_LIMIT])


async def tell_late(notify: str, context: Mapping[str, Any]) -> None:
    """Tell that a run is late; called by the triggerer with what Airflow knows of the run."""
    run = context["dag_run"]
    news = News(
        event=Event.LATE,
        video=str((run.get("conf") or {}).get("source", "?")),
        profile=str((run.get("conf") or {}).get("profile", "")),
        run_id=run["dag_run_id"],
        link=run_link(_base_url(), run["dag_id"], run["dag_run_id"]),
    )
    for target in Targets.parse(notify).all:
        try:
            if target.channel is Channel.WEBHOOK:
                await _post_async(await Connection.async_get(target.name), news)
            else:
                await _mail(target, news).async_notify({})
        except Exception as error:
            # One who cannot be reached keeps nobody else from being told.
            logger.error("%s:%s was not told of %s: %s", target.channel, target.name, news.run_id, error)


def read_news(event: Event, context: Context) -> News | None:
    """Return what there is to tell, or ``None`` for a run that had nothing to do."""
    run_id = str(context["run_id"])
    ti = context.get("ti")
    if ti is None and event is Event.SUCCESS:
        return None  # Airflow names no task instance of a run whose tasks were all skipped (3.3.2)
    if ti is None:
        return News(event=event, video="?", run_id=run_id, link=run_link(_base_url(), DagId.ENCODE, run_id))
    params = context["params"]
    known = {
        "event": event,
        "video": str(params.get("source")),
        "profile": str(params.get("profile")),
        "run_id": run_id,
    }
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[run_id]).get(run_id, {})
    if event is Event.SUCCESS:
        if states.get(TaskId.ANNOUNCE) != _SUCCESS:
            return None  # skipped: the output stood already, or another run is at it
        output = ti.xcom_pull(task_ids=TaskId.ANNOUNCE.value)
        return News(**known, output=str(output or ""), link=run_link(_base_url(), ti.dag_id, run_id))
    task, map_index = _find_failed(states)
    error = ti.xcom_pull(task_ids=task, key=FAULT, map_indexes=map_index if map_index >= 0 else None) if task else None
    return News(
        **known,
        task=task,
        chunk=map_index if map_index >= 0 else None,
        error=str(error or "it left no error line; see its log"),
        link=run_link(_base_url(), ti.dag_id, run_id, task, map_index),
    )


def _find_failed(states: Mapping[str, Any]) -> tuple[str, int]:
    """Return the first failed task in the order of the DAG, and its map index; -1 where it is not mapped.

    Airflow names a mapped task ``encode_chunk_3`` here.
    """
    for task in TaskId:
        failed = [name for name, state in states.items() if state == _FAILED]
        if task.value in failed:
            return task.value, -1
        indices = [name.removeprefix(f"{task.value}_") for name in failed if name.startswith(f"{task.value}_")]
        if numbers := [int(index) for index in indices if index.isdigit()]:
            return task.value, min(numbers)
    return "", -1


def tell(target: Target, news: News) -> None:
    """Tell one target; what goes wrong is logged, as nobody is there to be told of it."""
    try:
        if target.channel is Channel.WEBHOOK:
            _post(Connection.get(target.name), news)
        else:
            _mail(target, news).notify({})
    except Exception as error:
        logger.error("%s:%s was not told of %s: %s", target.channel, target.name, news.run_id, error)
        return
    logger.info("%s:%s was told: %s", target.channel, target.name, news.subject)


def _post(connection: Any, news: News) -> None:
    import httpx

    with httpx.Client(timeout=_TIMEOUT_S) as client:
        client.post(**_request(connection, news)).raise_for_status()


async def _post_async(connection: Any, news: News) -> None:
    import httpx

    async with httpx.AsyncClient(timeout=_TIMEOUT_S) as client:
        (await client.post(**_request(connection, news))).raise_for_status()


def _request(connection: Any, news: News) -> dict[str, Any]:
    """Return a POST to a connection's host (a whole address, or a host with schema and port).

    A login makes it basic authentication, a password alone a bearer token; ``headers`` of the extra go along.
    """
    host = connection.host or ""
    if "://" not in host:
        host = f"{connection.schema or 'https'}://{host}" + (f":{connection.port}" if connection.port else "")
    headers = dict(connection.extra_dejson.get("headers", {}))
    if connection.password and not connection.login:
        headers.setdefault("Authorization", f"Bearer {connection.password}")
    auth = (connection.login, connection.password or "") if connection.login else None
    return {"url": host, "json": news.to_payload(), "headers": headers, "auth": auth}


def _mail(target: Target, news: News) -> Any:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    # Subject and text are rendered as templates: what a film is called must not be one.
    return SmtpNotifier(
        to=target.name,
        subject=_without_template(news.subject),
        html_content=f"<pre>{_without_template(_escape(news.text))}</pre>",
    )


def _escape(text: str) -> str:
    from html import escape

    return escape(text)


def _without_template(text: str) -> str:
    return text.replace("{", "(").replace("}", ")")


def _base_url() -> str:
    return str(conf.get("api", "base_url", fallback=""))
