"""The demo: one film from a file of the user's to a proven output, through the bucket, the scan and encode_video."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.cloud import storage
from pydantic import BaseModel, ConfigDict

from encoding_contract.job import Content, ObjectAddress
from encoding_contract.objects import output_stem, report_name
from encoding_contract.report import Report, parse_publication
from local_stack.airflow_client import AirflowClient, DagRun
from local_stack.buckets import upload_changed
from local_stack.environment import INPUT_BUCKET, OUTPUT_BUCKET, WORK_BUCKET
from local_stack.errors import DemoFailed
from local_stack.home import Home
from local_stack.screen import Screen
from local_stack.tracking import ENCODE_DAG, RunTracker, read_plan

SCAN_DAG = "scan_videos"
DAGS_TIMEOUT_S = 300
IDLE_SCAN_TIMEOUT_S = 60
SCAN_TIMEOUT_S = 600
_LOOK_EVERY_S = 1.0


class DemoRequest(BaseModel):
    """What the demo shall do."""

    model_config = ConfigDict(frozen=True)

    video: Path
    profile: str | None = None
    chunk_s: float | None = None
    """Overrides the profile's chunk length."""


class DemoResult(BaseModel):
    """What came out."""

    model_config = ConfigDict(frozen=True)

    report: Report
    was_there: bool
    """Whether the output stood before, and nothing had to be done."""
    source_path: Path
    source_frames: int
    """As split counted them."""
    copy_path: Path


class Demo:
    """Drives the stack as a user would: an upload, and a run of scan_videos."""

    def __init__(self, client: AirflowClient, buckets: storage.Client, screen: Screen, home: Home) -> None:
        self._client, self._buckets, self._screen, self._home = client, buckets, screen, home

    def encode(self, request: DemoRequest) -> DemoResult:
        """Take a video from end to end.

        Raises:
            DemoFailed: it did not come out; the message is the failed task's own.
        """
        self._await_dags()
        self._await_idle_scan()
        address = self._upload(request.video)
        before = {run.dag_run_id for run in self._runs_of(address)}
        scan = self._scan(request, address.name)
        runs = self._runs_of(address)
        started = [run for run in runs if run.dag_run_id not in before or not run.is_over]
        if not started and (standing := self._published(address)) is not None:
            return self._result(standing, request.video, was_there=True)
        if not runs:
            raise DemoFailed(f"{address.url}: {SCAN_DAG} started nothing for it: {self._why_skipped(scan)}")
        run = (started or runs)[0]
        self._follow(RunTracker(self._client, self._buckets, run.dag_run_id))
        published = self._published(address)
        if published is None:
            raise DemoFailed(f"{address.url}: run {run.dag_run_id} succeeded, but its output is not in the bucket")
        return self._result(published, request.video, was_there=False)

    def _await_dags(self) -> None:
        self._screen.say("waiting for the DAGs")
        needed = {SCAN_DAG, ENCODE_DAG}

        def missing() -> set[str] | None:
            if errors := self._client.import_errors():
                raise DemoFailed(f"a DAG file does not import: {errors[0]}")
            return needed - self._client.dag_ids() or None

        late = self._wait_while(missing, DAGS_TIMEOUT_S)
        if late:
            raise DemoFailed(f"Airflow found no {' and no '.join(sorted(late))} in {DAGS_TIMEOUT_S} s")

    def _await_idle_scan(self) -> None:
        """Let the scheduled scan go by, the first of which comes with the DAG itself.

        It would find the film too, and encode it by the default profile beside the run that was asked for.
        """
        self._screen.say("waiting for the scheduled scan")

        def under_way() -> list[DagRun] | None:
            runs = self._client.recent_runs(SCAN_DAG)
            return None if runs and all(run.is_over for run in runs) else runs

        # Not through in time: the worst that follows is that the film is encoded twice.
        self._wait_while(under_way, IDLE_SCAN_TIMEOUT_S)

    def _upload(self, video: Path) -> ObjectAddress:
        self._screen.say(f"uploading {video.name}")
        upload_changed(self._buckets, INPUT_BUCKET, video)
        return ObjectAddress(bucket=INPUT_BUCKET, name=video.name)

    def _scan(self, request: DemoRequest, name: str) -> DagRun:
        self._screen.say("scanning the input bucket")
        conf: dict[str, Any] = {"prefix": name}
        if request.profile is not None:
            # A film that stands, made by another profile, is stale and not new: who names a profile wants it made.
            conf |= {"profile": request.profile, "reprocess": True}
        if request.chunk_s is not None:
            conf["overrides"] = {"chunk_s": request.chunk_s}
        run_id = self._client.trigger(SCAN_DAG, conf)
        under_way = self._wait_while(lambda: self._unless_over(SCAN_DAG, run_id), SCAN_TIMEOUT_S)
        if under_way:
            raise DemoFailed(f"{SCAN_DAG} is not through in {SCAN_TIMEOUT_S} s; see its run {run_id}")
        run = self._client.run(SCAN_DAG, run_id)
        if run.state == "failed":
            raise self._failure(SCAN_DAG, run_id)
        return run

    def _follow(self, tracker: RunTracker) -> None:
        while not (run := tracker.run()).is_over:
            self._screen.show(tracker.snapshot())
            time.sleep(_LOOK_EVERY_S)
        self._screen.show(tracker.snapshot())
        if run.state == "failed":
            raise self._failure(ENCODE_DAG, tracker.run_id)

    def _runs_of(self, address: ObjectAddress) -> list[DagRun]:
        runs = self._client.recent_runs(ENCODE_DAG)
        return [run for run in runs if (run.conf or {}).get("source") == address.url]

    def _published(self, address: ObjectAddress) -> storage.Blob | None:
        """Return the newest output made from what lies in the input bucket now."""
        source = self._buckets.bucket(address.bucket).get_blob(address.name)
        content = Content(size_bytes=source.size, crc32c=source.crc32c)
        found = [
            blob
            for blob in self._buckets.list_blobs(OUTPUT_BUCKET, prefix=output_stem("", address.name))
            if (published := parse_publication(blob.metadata)) and published.source == content
        ]
        return max(found, key=lambda blob: blob.updated, default=None)

    def _result(self, output: storage.Blob, source: Path, was_there: bool) -> DemoResult:
        self._screen.say("fetching the output")
        beside = self._buckets.bucket(OUTPUT_BUCKET).blob(report_name(output.name))
        report = Report.from_json(beside.download_as_bytes(), f"gs://{OUTPUT_BUCKET}/{beside.name}")
        copy = self._home.demo / Path(output.name).name
        output.download_to_filename(str(copy))
        plan = read_plan(self._buckets, WORK_BUCKET, report.job_id)
        frames = sum(track.frames for track in plan.tracks) if plan else report.frames
        return DemoResult(report=report, was_there=was_there, source_path=source, source_frames=frames, copy_path=copy)

    def _unless_over(self, dag_id: str, run_id: str) -> DagRun | None:
        run = self._client.run(dag_id, run_id)
        return None if run.is_over else run

    def _failure(self, dag_id: str, run_id: str) -> DemoFailed:
        failed = [task for task in self._client.task_instances(dag_id, run_id) if task.state == "failed"]
        if not failed:
            return DemoFailed(f"{dag_id}: run {run_id} failed, and none of its tasks did; see the scheduler's log")
        first = min(failed, key=lambda task: (task.end_date is None, task.end_date))
        lines = [
            str(detail["exc_value"])
            for event in self._client.log_events(dag_id, run_id, first)
            for detail in event.get("error_detail") or []
        ]
        log = self._home.task_log(dag_id, run_id, first.task_id, first.map_index, first.try_number)
        return DemoFailed(f"{first.task_id}: {lines[-1] if lines else 'left no error line'}", log)

    def _why_skipped(self, scan: DagRun) -> str:
        """Return the reason that the scan's sensor gave for skipping."""
        for task in self._client.task_instances(scan.dag_id, scan.dag_run_id):
            for event in self._client.log_events(scan.dag_id, scan.dag_run_id, task) if task.try_number else []:
                if reason := event.get("reason"):
                    return str(reason)
        return f"see its run {scan.dag_run_id}"

    def _wait_while(self, look: Callable[[], Any], timeout_s: float) -> Any:
        """Look until nothing is seen any more; return what was seen last."""
        end = time.monotonic() + timeout_s
        while (seen := look()) is not None and time.monotonic() < end:
            time.sleep(_LOOK_EVERY_S)
        return seen
