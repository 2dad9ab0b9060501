"""Airflow's API, as far as the command line, the stack and the demo need it."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import cache
from typing import Any, Self
from urllib.parse import quote

import httpx
import tenacity
from pydantic import BaseModel, ConfigDict

from encoding_contract.errors import BadInput, TransientFault

_PAGE_ROWS = 100
"""Airflow's own limit of a page."""
PATIENCE_S = 120.0
"""On busy cores an answer may take minutes, or the server is being restarted."""


class ApiRefused(TransientFault):
    """Airflow's API did not answer, or answered with an error."""


class Health(BaseModel):
    """What Airflow says of one of its components."""

    model_config = ConfigDict(frozen=True)

    status: str | None
    heartbeat: str | None
    """When it last showed that it works; ISO 8601."""


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


class DagRun(BaseModel):
    """One run of a DAG."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dag_id: str
    dag_run_id: str
    state: str
    conf: dict[str, Any] | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens in it."""
        return self.state in ("success", "failed")


@cache
def _authorities() -> ssl.SSLContext:
    """Whom to trust with TLS, read once: httpx would for each client, and that takes 70 times as long as a look."""
    return httpx.create_ssl_context(trust_env=False)


def fetch_health(airflow_url: str, timeout_s: float = 5.0) -> dict[str, Health]:
    """Return the health of each component by name; it needs no login.

    Raises:
        httpx.HTTPError: the API server does not answer.
    """
    answer = httpx.get(
        f"{airflow_url}/api/v2/monitor/health", timeout=timeout_s, trust_env=False, verify=_authorities()
    )
    answer.raise_for_status()
    return {
        name: Health(status=state.get("status"), heartbeat=state.get(f"latest_{name}_heartbeat"))
        for name, state in answer.json().items()
    }


class AirflowClient:
    """Logged in as one user; to be used with ``with``.

    Args:
        airflow_url: where the API server listens.
        password: the user's.
        user: who logs in.
        patience_s: for how long a question is repeated while no answer comes.

    Raises:
        BadInput: the login is refused.
        ApiRefused: as from every method here, where no answer comes, or an error.
    """

    def __init__(self, airflow_url: str, password: str, user: str = "admin", patience_s: float = PATIENCE_S) -> None:
        self._http = httpx.Client(base_url=airflow_url, timeout=30.0, trust_env=False, verify=_authorities())
        self._patience_s = patience_s
        # SQLite that is locked makes the API server answer with 500.
        self._patiently = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(httpx.TransportError)
            | tenacity.retry_if_result(lambda answer: answer.is_server_error),
            stop=tenacity.stop_after_delay(patience_s),
            wait=tenacity.wait_fixed(1),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        answer = self._request("POST", "/auth/token", json={"username": user, "password": password})
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise BadInput(f"Airflow at {airflow_url} refuses the login of {user}: another password is expected")
        self._http.headers["Authorization"] = f"Bearer {self._checked(answer)['access_token']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._http.close()

    def dag_ids(self) -> set[str]:
        """Return the DAGs that Airflow has parsed."""
        found = self._json("GET", "/api/v2/dags", params={"limit": _PAGE_ROWS})
        return {dag["dag_id"] for dag in found["dags"]}

    def import_errors(self) -> list[str]:
        """Return the last line of each DAG file's import error."""
        found = self._json("GET", "/api/v2/importErrors", params={"limit": _PAGE_ROWS})
        return [
            f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in found["import_errors"]
        ]

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run of a DAG; return its id."""
        # An id of our own: asked for a second time, as the first answer was lost, it is refused and not made twice.
        run_id = f"hand~{uuid.uuid4().hex}"
        path, body = f"/api/v2/dags/{quote(dag_id)}/dagRuns", {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        answer = self._request("POST", path, json=body)
        if answer.is_error and answer.status_code != httpx.codes.CONFLICT:
            raise ApiRefused(f"Airflow refused a run of {dag_id} with {conf}: {answer.text[:300]}")
        return run_id

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """Return one run."""
        return DagRun.model_validate(self._json("GET", self._run_path(dag_id, run_id)))

    def recent_runs(self, dag_id: str) -> list[DagRun]:
        """Return the latest runs of a DAG, the newest first."""
        return self._runs_page(dag_id, (), 0)

    def runs(self, dag_id: str, states: Collection[str] = ()) -> Iterator[DagRun]:
        """Yield the runs of a DAG (in one of these states), the newest first, page by page."""
        offset = 0
        while page := self._runs_page(dag_id, states, offset):
            yield from page
            offset += len(page)

    def _runs_page(self, dag_id: str, states: Collection[str], offset: int) -> list[DagRun]:
        path = f"/api/v2/dags/{quote(dag_id)}/dagRuns"
        rows = {"order_by": "-run_after", "limit": _PAGE_ROWS, "offset": offset, "state": list(states)}
        return [DagRun.model_validate(run) for run in self._json("GET", path, params=rows)["dag_runs"]]

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """Return all task instances of a run, mapped ones each for itself."""
        rows: list[TaskInstance] = []
        while True:
            found = self._json(
                "GET",
                f"{self._run_path(dag_id, run_id)}/taskInstances",
                params={"limit": _PAGE_ROWS, "offset": len(rows)},
            )
            rows += [TaskInstance.model_validate(row) for row in found["task_instances"]]
            if not found["task_instances"] or len(rows) >= found["total_entries"]:
                return rows

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return what a task handed on, or ``None`` where it handed on nothing yet."""
        path = f"{self._run_path(dag_id, run_id)}/taskInstances/{quote(task_id)}/xcomEntries/{quote(key)}"
        answer = self._request("GET", path)
        return None if answer.is_client_error else answer.json().get("value")

    def log_events(self, dag_id: str, run_id: str, task: TaskInstance) -> list[dict[str, Any]]:
        """Return the log of a task instance's last try, event by event."""
        path = f"{self._run_path(dag_id, run_id)}/taskInstances/{quote(task.task_id)}/logs/{task.try_number}"
        found = self._json("GET", path, params={"map_index": task.map_index, "full_content": True})
        return [event if isinstance(event, dict) else {"event": str(event)} for event in found["content"]]

    def _run_path(self, dag_id: str, run_id: str) -> str:
        return f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"

    def _json(self, method: str, path: str, **arguments: Any) -> Any:
        return self._checked(self._request(method, path, **arguments))

    def _checked(self, answer: httpx.Response) -> Any:
        if answer.is_error:
            asked = f"{answer.request.method} {answer.request.url.path}"
            raise ApiRefused(f"Airflow answered {asked} with {answer.status_code}: {answer.text[:300]}")
        return answer.json()

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Ask, again and again where no answer comes. All that is asked for here may be asked for twice."""
        try:
            return self._patiently(self._http.request, method, path, **arguments)
        except httpx.TransportError as error:
            raise ApiRefused(
                f"Airflow at {self._http.base_url} did not answer {method} {path} in {self._patience_s:g} s ({error}); "
                "see the log of its API server"
            ) from error
