"""An Airflow that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import httpx

RUNS = "/api/v2/dags/encode_video/dagRuns"


def run_row(run_id: str, source: str, state: str = "running", at: str = "2026-01-31T12:30:00Z") -> dict[str, Any]:
    ended = at if state in ("success", "failed") else None
    conf = {"source": source, "profile": "p"}
    return {"dag_run_id": run_id, "state": state, "conf": conf, "run_after": at, "start_date": at, "end_date": ended}


class AirflowFake:
    """The seam is HTTP."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []
        self.tasks: list[dict[str, Any]] = []
        self.log: list[dict[str, Any]] = []
        self.asked: list[httpx.Request] = []
        self.refusal: tuple[int, str] | None = None

    def open_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer), base_url="http://airflow.test")

    def bodies(self, method: str = "POST") -> list[tuple[str, Any]]:
        return [(request.url.path, json.loads(request.content)) for request in self.asked if request.method == method]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.refusal is not None:
            return httpx.Response(self.refusal[0], json={"detail": self.refusal[1]})
        path, query = request.url.path, parse_qs(request.url.query.decode())
        if request.method == "POST" and path == RUNS:
            source = json.loads(request.content)["conf"]["source"]
            return httpx.Response(200, json=run_row("manual", source, "queued"))
        if request.method == "POST":
            return httpx.Response(200, json={"total_entries": 2, "task_instances": []})
        if path == RUNS:
            return httpx.Response(200, json=self._page(query))
        if "/xcomEntries/" in path:
            return httpx.Response(404, json={"detail": "no XCom"})
        if "/logs/" in path:
            return httpx.Response(200, json={"content": self.log})
        if path.endswith("/taskInstances"):
            run = path.split("/")[-2]
            tasks = [task for task in self.tasks if task.get("of", run) == run]
            wanted = [task for task in tasks if task["state"] in query.get("state", [task["state"]])]
            return httpx.Response(200, json={"task_instances": wanted, "total_entries": len(wanted)})
        found = [run for run in self.runs if path == f"{RUNS}/{run['dag_run_id']}"]
        return httpx.Response(200, json=found[0]) if found else httpx.Response(404, json={"detail": "no such run"})

    def _page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        wanted = [run for run in self.runs if run["state"] in query.get("state", [run["state"]])]
        wanted = [run for run in wanted if query.get("conf_contains", [""])[0] in json.dumps(run["conf"])]
        offset, limit = int(query["offset"][0]) if "offset" in query else 0, int(query["limit"][0])
        return {"dag_runs": wanted[offset : offset + limit], "total_entries": len(wanted)}
