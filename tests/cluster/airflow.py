"""A stack of its own for the tests: Airflow and the emulator on this machine, the pods on the cluster."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from encoding_client.airflow_client import AirflowClient, DagRun, TaskInstance
from local_stack.buckets import ensure_buckets, open_storage
from local_stack.keys import ADMIN
from local_stack.settings import StackSettings
from local_stack.stack import RunningStack, Stack
from tests.cluster.pods import PodWatcher
from tests.prepared import prepared
from tests.waiting import await_that

DAG = "encode_video"
FILMS = "films-of-the-tests"
"""A bucket that no scan looks into: these tests start their runs themselves."""
OUTPUT = "mapreel-out"
SLOW_VIDEO = {"codec": "libx264", "crf": 24, "preset": "veryslow"}
"""Slow enough that a chunk of 10 s at 320x180 is caught in the middle."""


@dataclass
class Run:
    """One run of encode_video."""

    stack: TestStack
    run_id: str
    source: Path

    def state(self) -> DagRun:
        return self.stack.client.run(DAG, self.run_id)

    def tasks(self, task_id: str) -> list[TaskInstance]:
        found = self.stack.client.task_instances(DAG, self.run_id)
        return sorted((t for t in found if t.task_id == task_id), key=lambda task: task.map_index)

    def log(self, task_id: str, map_index: int = -1, try_number: int = 1) -> str:
        path = f"/api/v2/dags/{DAG}/dagRuns/{self.run_id}/taskInstances/{task_id}/logs/{try_number}"
        answer = self.stack.http.get(path, params={"map_index": map_index, "full_content": True}).raise_for_status()
        lines: list[str] = []
        for event in answer.json()["content"]:
            lines.append(str(event.get("event", event)))
            lines += [str(error["exc_value"]) for error in event.get("error_detail") or []]
        return "\n".join(lines)

    def await_end(self, timeout_s: float = 420) -> str:
        run = await_that(f"end of {self.run_id}", lambda: r if (r := self.state()).is_over else None, timeout_s, 2)
        return run.state

    def clear(self, task_id: str, map_index: int | None = None) -> None:
        """Clear as the UI does, with what follows from it."""
        which: list[Any] = [task_id] if map_index is None else [[task_id, map_index]]
        body = {
            "dry_run": False,
            "dag_run_id": self.run_id,
            "task_ids": which,
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self.stack.http.post(f"/api/v2/dags/{DAG}/clearTaskInstances", json=body).raise_for_status()

    def mark_failed(self) -> None:
        path = f"/api/v2/dags/{DAG}/dagRuns/{self.run_id}"
        self.stack.http.patch(path, json={"state": "failed"}).raise_for_status()

    def output(self, folder: Path) -> Path:
        path = folder / f"{self.source.name}.out.mkv"
        bucket = open_storage(self.stack.running.ports.storage_url).bucket(OUTPUT)
        bucket.blob(f"{self.source.name}.mkv").download_to_filename(str(path))
        return path


class TestStack:
    """Started before the first test, stopped after the last."""

    __test__ = False

    def __init__(self, home: Path, template: Path, settings: dict[str, str]) -> None:
        self.template = template
        self._default_template = template.read_text()
        self._environment = {
            **os.environ,
            **settings,
            "MAPREEL_HOME": str(home),
            "MAPREEL_RUNTIME": "kubernetes",
            "MAPREEL_POD_TEMPLATE": str(template),
        }
        self._stack = Stack(StackSettings(home=prepared(home)))

    def up(self) -> None:
        self._command("up")
        running = self._stack.running()
        assert running is not None
        self.running: RunningStack = running
        self.client = AirflowClient(running.ports.airflow_url, running.keys.admin_password)
        self.http = httpx.Client(base_url=running.ports.airflow_url, timeout=60, trust_env=False)
        login = {"username": ADMIN, "password": running.keys.admin_password}
        token = self.http.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"
        ensure_buckets(open_storage(running.ports.storage_url), [FILMS])
        await_that("the DAGs", lambda: DAG in self.client.dag_ids(), 120, 1)

    def down(self) -> None:
        self._command("down")
        self.http.close()
        self.client._http.close()

    def set_template(self, text: str) -> None:
        """Lay another template over the pods from now on."""
        self.template.write_text(text)

    def change_encoder(self, **fields: object) -> None:
        """Lay other fields over the encoder's container from now on."""
        template = yaml.safe_load(self._default_template)
        template["spec"]["containers"][0].update(fields)
        self.set_template(yaml.safe_dump(template))

    def start_slow_chunk(self, source: Path, pods: PodWatcher) -> Run:
        """Start a film of one chunk that lasts until a drain, the scheduler or an open log gets to its pod.

        Pods get a tenth of a core from there on, so it takes no more of the machine than another.
        """
        run = self.start(source, chunk_s=0)
        await_that("the split's pod, which need not last", lambda: pods.current("split"))
        self.change_encoder(resources={"limits": {"cpu": "100m"}, "requests": {"cpu": "100m"}})
        return run

    def reset_template(self) -> None:
        self.template.write_text(self._default_template)

    def start(self, source: Path, **overrides: Any) -> Run:
        """Upload a film and start its run."""
        client = open_storage(self.running.ports.storage_url)
        client.bucket(FILMS).blob(source.name).upload_from_filename(str(source))
        conf = {"source": f"gs://{FILMS}/{source.name}", "overrides": overrides}
        return Run(self, self.client.trigger(DAG, conf), source)

    def kill(self, program: str) -> None:
        """Kill one of Airflow's programs with all its children, with -9."""
        if program == "worker":
            victims = await_that("a worker with a task", self._busy_workers, 60, 0.02)
        else:
            victims = [psutil.Process(self._pid(program))]
        for victim in [each for top in victims for each in [*top.children(recursive=True), top]]:
            try:
                victim.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue

    def _busy_workers(self) -> list[psutil.Process]:
        """LocalExecutor's processes that run a task. An idle one dies with the lock of the executor's queue in its
        hands, which Airflow 3.3.2 never gets over."""
        workers = psutil.Process(self._pid("scheduler")).children()
        return [worker for worker in workers if worker.is_running() and worker.children()]

    def _pid(self, program: str) -> int:
        return self._stack.states()[program].pid

    def _command(self, command: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "local_stack", command],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def copy_template(source: Path, folder: Path) -> Path:
    """Copy the local overlay's template, which the tests change."""
    return Path(shutil.copy(source, folder / "pod-template.yaml"))
