"""Starting the encoding of one film through the scan, and following it to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from glob import escape
from typing import Any

from encoding_client.airflow_client import AirflowClient, ApiRefused, DagRun, TaskInstance
from encoding_client.screen import Screen
from encoding_client.tracking import ENCODE_DAG, ReadObject, RunTracker
from encoding_contract.errors import BadInput
from encoding_contract.job import ObjectAddress

SCAN_DAG = "scan_videos"
SCAN_TIMEOUT_S = 600.0
_LOOK_EVERY_S = 1.0


class FilmFailed(BadInput):
    """A run failed, after all the retries that could help.

    Args:
        message: the failed task's own line.
        run: the run that failed.
        task: the task that failed first, where one did.
    """

    def __init__(self, message: str, run: DagRun, task: TaskInstance | None) -> None:
        super().__init__(message)
        self.run, self.task = run, task


class Watch:
    """Drives Airflow as a user would: a run of scan_videos, and a look at what comes of it."""

    def __init__(self, client: AirflowClient, read: ReadObject, screen: Screen) -> None:
        self._client, self._read, self._screen = client, read, screen

    def start_scan(self, address: ObjectAddress, input_prefix: str = "", **wishes: Any) -> str:
        """Start a scan for one film; return the id of its run.

        Args:
            address: the film, as it lies in the input.
            input_prefix: the input's own prefix, which scans do not see.
            wishes: further parameters of scan_videos.
        """
        name = address.name.removeprefix(input_prefix)
        # The pattern is for that name alone; the prefix spares the listing.
        return self._client.trigger(SCAN_DAG, {"prefix": name, "include": [escape(name)], **wishes})

    def await_scan(self, run_id: str) -> DagRun:
        """Wait for the end of a scan, and return its run.

        Raises:
            FilmFailed: the scan failed.
            ApiRefused: it is not through in time.
        """
        self._screen.say("scanning the input bucket")
        under_way = wait_while(lambda: self._unless_over(SCAN_DAG, run_id), SCAN_TIMEOUT_S)
        if under_way:
            raise ApiRefused(f"{SCAN_DAG} is not through in {SCAN_TIMEOUT_S:g} s; see its run {run_id}")
        run = self._client.run(SCAN_DAG, run_id)
        if run.state == "failed":
            raise self.failure(run)
        return run

    def runs_of(self, address: ObjectAddress) -> list[DagRun]:
        """Return the latest encoding runs of a film, the newest first."""
        return [run for run in self._client.recent_runs(ENCODE_DAG) if (run.conf or {}).get("source") == address.url]

    def follow(self, run_id: str) -> None:
        """Show an encoding run until it is over.

        Raises:
            FilmFailed: it failed.
        """
        tracker = RunTracker(self._client, self._read, run_id)
        while not (run := tracker.run()).is_over:
            self._screen.show(tracker.snapshot())
            time.sleep(_LOOK_EVERY_S)
        self._screen.show(tracker.snapshot())
        if run.state == "failed":
            raise self.failure(run)

    def failure(self, run: DagRun) -> FilmFailed:
        """Return why a run failed, in the words of the task that failed first."""
        failed = [task for task in self._client.task_instances(run.dag_id, run.dag_run_id) if task.state == "failed"]
        if not failed:
            message = f"{run.dag_id}: run {run.dag_run_id} failed, and none of its tasks did; see the scheduler's log"
            return FilmFailed(message, run, None)
        first = min(failed, key=lambda task: (task.end_date is None, task.end_date))
        lines = [
            str(detail["exc_value"])
            for event in self._client.log_events(run.dag_id, run.dag_run_id, first)
            for detail in event.get("error_detail") or []
        ]
        return FilmFailed(f"{first.task_id}: {lines[-1] if lines else 'left no error line'}", run, first)

    def why_skipped(self, scan: DagRun) -> str:
        """Return the reason that a scan's sensor gave for starting nothing."""
        for task in self._client.task_instances(scan.dag_id, scan.dag_run_id):
            for event in self._client.log_events(scan.dag_id, scan.dag_run_id, task) if task.try_number else []:
                if reason := event.get("reason"):
                    return str(reason)
        return f"see its run {scan.dag_run_id}"

    def _unless_over(self, dag_id: str, run_id: str) -> DagRun | None:
        run = self._client.run(dag_id, run_id)
        return None if run.is_over else run


def wait_while(look: Callable[[], Any], timeout_s: float) -> Any:
    """Look until nothing is seen any more; return what was seen last."""
    end = time.monotonic() + timeout_s
    while (seen := look()) is not None and time.monotonic() < end:
        time.sleep(_LOOK_EVERY_S)
    return seen
