"""The demo: one film from a file of the user's to a proven output, through the bucket, the scan and encode_video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.cloud import storage
from pydantic import BaseModel, ConfigDict

from encoding_client.airflow_client import AirflowClient, DagRun
from encoding_client.screen import Screen
from encoding_client.tracking import ENCODE_DAG, read_plan
from encoding_client.watching import SCAN_DAG, FilmFailed, Watch, wait_while
from encoding_contract.job import Content, ObjectAddress
from encoding_contract.objects import output_stem, report_name
from encoding_contract.report import Report, parse_publication
from local_stack.buckets import upload_changed
from local_stack.environment import INPUT_BUCKET, OUTPUT_BUCKET, WORK_BUCKET
from local_stack.errors import DemoFailed
from local_stack.home import Home

DAGS_TIMEOUT_S = 300
IDLE_SCAN_TIMEOUT_S = 60


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
        self._watch = Watch(client, self._read, screen)

    def encode(self, request: DemoRequest) -> DemoResult:
        """Take a video from end to end.

        Raises:
            DemoFailed: it did not come out; the message is the failed task's own.
        """
        try:
            return self._encode(request)
        except FilmFailed as failure:
            raise self._failed(failure) from failure

    def _encode(self, request: DemoRequest) -> DemoResult:
        self._await_dags()
        self._await_idle_scan()
        address = self._upload(request.video)
        before = {run.dag_run_id for run in self._watch.runs_of(address)}
        scan = self._scan(request, address)
        runs = self._watch.runs_of(address)
        started = [run for run in runs if run.dag_run_id not in before or not run.is_over]
        if not started and (standing := self._published(address)) is not None:
            return self._result(standing, request.video, was_there=True)
        if not runs:
            raise DemoFailed(f"{address.url}: {SCAN_DAG} started nothing for it: {self._watch.why_skipped(scan)}")
        run = (started or runs)[0]
        self._watch.follow(run.dag_run_id)
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

        late = wait_while(missing, DAGS_TIMEOUT_S)
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
        wait_while(under_way, IDLE_SCAN_TIMEOUT_S)

    def _upload(self, video: Path) -> ObjectAddress:
        self._screen.say(f"uploading {video.name}")
        upload_changed(self._buckets, INPUT_BUCKET, video)
        return ObjectAddress(bucket=INPUT_BUCKET, name=video.name)

    def _scan(self, request: DemoRequest, address: ObjectAddress) -> DagRun:
        wishes: dict[str, Any] = {}
        if request.profile is not None:
            # A film that stands, made by another profile, is stale and not new: who names a profile wants it made.
            wishes |= {"profile": request.profile, "reprocess": True}
        if request.chunk_s is not None:
            wishes["overrides"] = {"chunk_s": request.chunk_s}
        return self._watch.await_scan(self._watch.start_scan(address, **wishes))

    def _read(self, address: ObjectAddress) -> bytes | None:
        blob = self._buckets.bucket(address.bucket).get_blob(address.name)
        return None if blob is None else blob.download_as_bytes()

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
        plan = read_plan(self._read, WORK_BUCKET, report.job_id)
        frames = sum(track.frames for track in plan.tracks) if plan else report.frames
        return DemoResult(report=report, was_there=was_there, source_path=source, source_frames=frames, copy_path=copy)

    def _failed(self, failure: FilmFailed) -> DemoFailed:
        run, task = failure.run, failure.task
        if task is None:
            return DemoFailed(str(failure))
        log = self._home.task_log(run.dag_id, run.dag_run_id, task.task_id, task.map_index, task.try_number)
        return DemoFailed(str(failure), log)
