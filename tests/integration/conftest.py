from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psutil
import pytest
from google.cloud import storage
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from encoding_contract.objects import output_name
from encoding_contract.profile import Container
from local_stack.buckets import open_storage
from local_stack.environment import INPUT_BUCKET, OUTPUT_BUCKET, WORK_BUCKET
from local_stack.keys import load_keys
from local_stack.settings import REPOSITORY, StackSettings
from local_stack.stack import Stack
from local_stack.sweep import marked_processes
from tests.bell import Bell, hung_up
from tests.prepared import prepared
from tests.waiting import await_that, no_scan_soon

WAIT_S = 240
LATE_S = 30
"""A run that takes longer is told of as late."""
WORKER = Path(__file__).with_name("paper_worker.py")


@dataclass(frozen=True)
class Call:
    """One call of the worker's program, as it noted it."""

    film: str
    verb: str
    chunk: int | None
    outcome: str


ALL = [("encode", 0), ("encode", 1), ("encode", 2), ("encode-audio", None), ("merge", None), ("split", None)]
"""What is made for a film of three chunks, as `made` gives it."""


def made(calls: list[Call]) -> list[tuple[str, int | None]]:
    """Return the verbs, and chunks, of which something came; in a stable order."""
    return sorted(((call.verb, call.chunk) for call in calls if call.outcome == "made"), key=str)


class Mapreel:
    """A running stack whose worker is the paper one, and what a user does with it."""

    def __init__(self, home: Path, notes: Path, environment: Mapping[str, str], bell: Bell) -> None:
        self.home = home
        self.bell = bell
        self._notes = notes
        self._environment = environment

    def start_stack(self) -> None:
        """Start the stack, and log in."""
        started = self._call("up")
        assert started.returncode == 0, started.stdout + started.stderr
        self.connect()

    def stop_stack(self) -> None:
        """Stop it."""
        self._call("down")

    def kill_everything(self) -> None:
        """Cut the power: every process of the stack at once, without a word."""
        stack_id = load_keys(Stack(StackSettings(home=self.home)).home).stack_id
        for process in marked_processes(stack_id):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        # The connections are dead, too; who connects again gets others.
        self.close()

    def _call(self, word: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "local_stack", word]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)

    def connect(self) -> None:
        """Find the stack; again, after it was started anew."""
        running = Stack(StackSettings(home=self.home)).running()
        assert running is not None
        self._http = httpx.Client(base_url=running.ports.airflow_url, timeout=60, trust_env=False)
        login = {"username": "admin", "password": running.keys.admin_password}
        token = self._http.post("/auth/token", json=login).json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        self.storage = open_storage(running.ports.storage_url)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()
        self.storage.close()

    def upload(self, name: str, **film: Any) -> str:
        """Put a film into the input bucket; return its address."""
        self.storage.bucket(INPUT_BUCKET).blob(name).upload_from_string(json.dumps({"chunks": 3, **film}))
        return f"gs://{INPUT_BUCKET}/{name}"

    def output(self, film: str) -> storage.Blob | None:
        """Return a film's output, or None."""
        return self.storage.bucket(OUTPUT_BUCKET).get_blob(output_name("", film, Container.MKV))

    def work_names(self) -> list[str]:
        """Return all names of the work bucket."""
        return [blob.name for blob in self.storage.list_blobs(WORK_BUCKET)]

    def calls(self, film: str | None = None) -> list[Call]:
        """Return all calls for a film, or for all."""
        lines = self._notes.read_text(encoding="utf-8").splitlines() if self._notes.exists() else []
        calls = [Call(*json.loads(line)) for line in lines]
        return [call for call in calls if film in (None, call.film)]

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Call Airflow's API, whatever it answers."""
        if method == "GET":
            return self._ask_patiently(path, **arguments)
        return self._http.request(method, f"/api/v2/{path}", **arguments)

    # On a busy machine the API server may stand still for a minute; asking again changes nothing.
    @retry(retry=retry_if_exception_type(httpx.TransportError), stop=stop_after_delay(WAIT_S), wait=wait_fixed(2))
    def _ask_patiently(self, path: str, **arguments: Any) -> httpx.Response:
        return self._http.get(f"/api/v2/{path}", **arguments)

    def api(self, method: str, path: str, **arguments: Any) -> Any:
        """Call Airflow's API."""
        answer = self.request(method, path, **arguments)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def start(self, dag: str, run_id: str | None = None, **conf: Any) -> str:
        """Start a run by hand; return its id."""
        run_id = run_id or f"by-hand-{uuid.uuid4()}"
        body = {"logical_date": None, "conf": conf, "dag_run_id": run_id}

        def is_started() -> bool:
            # SQLite refuses now and then, on a busy machine; under one id the run is started once.
            answer = self.request("POST", f"dags/{dag}/dagRuns", json=body)
            assert answer.is_success or answer.status_code in (409, 500, 503), f"{answer.status_code} {answer.text}"
            return answer.is_success or answer.status_code == 409

        self.await_that(is_started, f"the start of {run_id}")
        return run_id

    def state(self, dag: str, run_id: str) -> str:
        """Return a run's state."""
        return str(self.api("GET", f"dags/{dag}/dagRuns/{quote(run_id, safe='')}")["state"])

    def finish(self, dag: str, run_id: str, timeout_s: float = WAIT_S) -> str:
        """Wait until a run is over; return its state."""
        await_that(f"end of {dag} {run_id}", lambda: self.state(dag, run_id) in ("success", "failed"), timeout_s, 1)
        return self.state(dag, run_id)

    def scan(self, **conf: Any) -> str:
        """Scan by hand, and wait for it; return the run's id."""
        run = self.start("scan_videos", **conf)
        assert self.finish("scan_videos", run) == "success"
        return run

    def has_scanned(self) -> bool:
        """Return whether a scheduled scan is over and none under way; it would find a test's films, too."""
        runs = self.api("GET", "dags/scan_videos/dagRuns", params={"limit": 100, "run_type": "scheduled"})["dag_runs"]
        return bool(runs) and all(run["state"] in ("success", "failed") for run in runs)

    def runs_of(self, film: str) -> dict[str, str]:
        """Return the state of each encoding run that a scan started for a film."""
        found = self.api("GET", "dags/encode_video/dagRuns", params={"limit": 100, "order_by": "-run_after"})
        source = f"gs://{INPUT_BUCKET}/{film}"
        return {run["dag_run_id"]: run["state"] for run in found["dag_runs"] if run["conf"]["source"] == source}

    def tasks(self, dag: str, run_id: str) -> dict[tuple[str, int], dict[str, Any]]:
        """Return the task instances of a run."""
        path = f"dags/{dag}/dagRuns/{quote(run_id, safe='')}/taskInstances"
        found = self.api("GET", path, params={"limit": 100})["task_instances"]
        return {(task["task_id"], task["map_index"]): task for task in found}

    def log(self, dag: str, run_id: str, task: str, attempt: int = 1, map_index: int = -1) -> str:
        """Return the log of one try."""
        path = f"dags/{dag}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task}/logs/{attempt}"
        found = self.api("GET", path, params={"map_index": map_index, "full_content": True})
        return "\n".join(line if isinstance(line, str) else str(line.get("event")) for line in found["content"])

    def clear(self, run_id: str, task: str, map_index: int | None = None) -> None:
        """Clear a task of an encoding run, and what follows from it, as the UI does."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [task if map_index is None else [task, map_index]],
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self.api("POST", "dags/encode_video/clearTaskInstances", json=body)

    def await_that(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition.

        Raises:
            AssertionError: it did not come about.
        """
        await_that(what, condition, WAIT_S)


@pytest.fixture(scope="package")
def mapreel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapreel]:
    """One stack for all tests of this folder; each test has films of its own."""
    with running_mapreel(tmp_path_factory.mktemp("integration")) as running:
        yield running


@contextmanager
def running_mapreel(folder: Path, **settings: str) -> Iterator[Mapreel]:
    """Start a stack in a folder, with settings of its own, and stop it."""
    program = folder / "mapreel"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{WORKER}" "$@"\n', encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    home = folder / "home"
    if "MAPREEL_DATABASE_URL" not in settings:
        prepared(home)
    environment = {
        **os.environ,
        "MAPREEL_HOME": str(home),
        "MAPREEL_PROGRAM": str(program),
        **no_scan_soon(),
        "PAPER_NOTES": str(folder / "notes"),
        "MAPREEL_NOTIFY": "webhook:bell",
        "MAPREEL_DEADLINE_H": str(LATE_S / 3600),
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "plugins"), str(REPOSITORY / "deploy" / "local")]),
        **settings,
    }
    with hung_up() as bell:
        environment["AIRFLOW_CONN_BELL"] = json.dumps({"conn_type": "http", "host": bell.url})
        running = Mapreel(home, folder / "notes", environment, bell)
        try:
            running.start_stack()
            running.await_that(running.has_scanned, "the scan that comes with the DAG itself")
            yield running
            running.close()
        finally:
            running.stop_stack()
