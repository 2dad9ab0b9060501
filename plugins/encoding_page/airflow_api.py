"""Airflow's public API, asked with the visitor's own token: nobody sees or does here what Airflow would refuse him.

The app that serves this page serves the API too, so it is asked within the process: no address to know, no proxy, no
certificate in between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, Field

from encoding_flow.names import DagId

PAGE_ROWS = 100
"""Airflow's own limit of a page."""

_FINISHED = frozenset({"success", "failed"})


class ApiRefused(Exception):
    """Airflow answered with an error; it is passed on to the visitor with its status and its words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Run(BaseModel):
    """One run of encode_video."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dag_run_id: str
    state: str
    conf: dict[str, Any] | None = None
    run_after: datetime
    queued_at: datetime | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None

    @property
    def source_url(self) -> str:
        """The video's address, as the run was asked for it; empty where it was not."""
        return str((self.conf or {}).get("source", ""))

    @property
    def profile(self) -> str:
        """The name of the profile that was asked for; empty for the default one."""
        return str((self.conf or {}).get("profile") or "")

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens in it."""
        return self.state in _FINISHED


class TaskInstance(BaseModel):
    """One task instance of a run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    task_id: str
    map_index: int
    rendered_map_index: str | None = None
    state: str | None
    try_number: int
    start_date: datetime | None = None
    end_date: datetime | None = None

    @property
    def duration_s(self) -> float | None:
        """How long its last try took."""
        if self.start_date is None or self.end_date is None:
            return None
        return (self.end_date - self.start_date).total_seconds()


class Counted(BaseModel):
    """How many task instances match, and the first of them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    total_entries: int
    task_instances: list[TaskInstance] = Field(default_factory=list)


class AirflowApi:
    """The API as one visitor may use it."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}

    async def runs(self, **filters: Any) -> AsyncIterator[Run]:
        """Yield the encoding runs that match, page by page.

        Raises:
            ApiRefused: as for every method here.
        """
        offset = 0
        while True:
            query = {"limit": PAGE_ROWS, "offset": offset, "order_by": "-run_after", **filters}
            found = await self._json("GET", _ENCODE_RUNS, params=query)
            for row in found["dag_runs"]:
                yield Run.model_validate(row)
            offset += len(found["dag_runs"])
            if not found["dag_runs"] or offset >= found["total_entries"]:
                return

    async def run(self, run_id: str) -> Run:
        """Return one encoding run."""
        return Run.model_validate(await self._json("GET", _run_path(run_id)))

    async def runs_of(self, source_url: str, limit: int) -> list[Run]:
        """Return the latest runs for a source, the newest first."""
        # The configuration is searched as text, in which JSON escapes quotes, backslashes and what is not ASCII: the
        # longest part that needs no escape finds all, and some others.
        part = max(
            "".join(c if " " <= c <= "~" and c not in '"\\%_' else "\n" for c in source_url).split("\n"), key=len
        )
        query = {"limit": PAGE_ROWS, "order_by": "-run_after", "conf_contains": part}
        found = await self._json("GET", _ENCODE_RUNS, params=query)
        runs = [Run.model_validate(row) for row in found["dag_runs"]]
        return [run for run in runs if run.source_url == source_url][:limit]

    async def tasks(self, run_id: str) -> list[TaskInstance]:
        """Return all task instances of a run, mapped ones each for itself."""
        rows: list[TaskInstance] = []
        while True:
            query = {"limit": PAGE_ROWS, "offset": len(rows), "order_by": "map_index"}
            found = await self._json("GET", f"{_run_path(run_id)}/taskInstances", params=query)
            rows += [TaskInstance.model_validate(row) for row in found["task_instances"]]
            if not found["task_instances"] or len(rows) >= found["total_entries"]:
                return rows

    async def count_tasks(self, run_id: str, **filters: Any) -> Counted:
        """Return how many task instances of a run match, with the first one."""
        query = {"limit": 1, **filters}
        return Counted.model_validate(await self._json("GET", f"{_run_path(run_id)}/taskInstances", params=query))

    async def xcom(self, run_id: str, task_id: str) -> Any:
        """Return what a task handed on, or ``None`` where it handed on nothing yet."""
        path = f"{_run_path(run_id)}/taskInstances/{task_id}/xcomEntries/return_value"
        answer = await self._ask("GET", path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return _checked(answer).get("value")

    async def log(self, run_id: str, task: TaskInstance) -> list[dict[str, Any]]:
        """Return the log of a task instance's last try, event by event."""
        path = f"{_run_path(run_id)}/taskInstances/{task.task_id}/logs/{task.try_number}"
        query = {"map_index": task.map_index, "full_content": True}
        found = await self._json("GET", path, params=query, headers={"Accept": "application/json"})
        return [event if isinstance(event, dict) else {"event": str(event)} for event in found["content"]]

    async def start(self, conf: Mapping[str, Any]) -> Run:
        """Start an encoding run."""
        body = {"logical_date": None, "conf": dict(conf)}
        return Run.model_validate(await self._json("POST", _ENCODE_RUNS, json=body))

    async def clear_failed(self, run_id: str) -> int:
        """Clear the failed tasks of a run, and what waits for them; return how many."""
        body = {"dry_run": False, "dag_run_id": run_id, "only_failed": True, "reset_dag_runs": True}
        found = await self._json("POST", f"{_ENCODE}/clearTaskInstances", json=body)
        return int(found["total_entries"])

    async def _json(self, method: str, path: str, **arguments: Any) -> Any:
        return _checked(await self._ask(method, path, **arguments))

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        return await self._client.request(method, path, headers={**self._headers, **(headers or {})}, **more)


_ENCODE = f"/api/v2/dags/{DagId.ENCODE}"
_ENCODE_RUNS = f"{_ENCODE}/dagRuns"


def _run_path(run_id: str) -> str:
    return f"{_ENCODE_RUNS}/{quote(run_id, safe='')}"


def _checked(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json()
    raise ApiRefused(answer.status_code, _words(answer))


def _words(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return f"Airflow answered {answer.status_code}"
    if isinstance(detail, list):
        return "; ".join(str(problem.get("msg", problem)) for problem in detail if isinstance(problem, dict))
    return str(detail)


def open_airflow() -> httpx.AsyncClient:
    """Return a client of the Airflow API that runs in this very process."""
    # The module that uvicorn and gunicorn serve: loaded already, with the apps that they were told.
    from airflow.api_fastapi.main import app

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://airflow.internal")
