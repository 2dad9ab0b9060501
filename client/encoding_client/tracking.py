"""How far a run of encode_video is: from Airflow's task instances and from the plan in the work bucket."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from encoding_client.airflow_client import AirflowClient, DagRun, TaskInstance
from encoding_contract.job import JobId, ObjectAddress
from encoding_contract.objects import JobObjects, parse_job_url
from encoding_contract.plan import Chunk, Plan

ENCODE_DAG = "encode_video"
ReadObject = Callable[[ObjectAddress], bytes | None]
"""Returns a small object, or ``None`` where there is none."""

_STAGES = {
    "prepare_job": "preparing the job",
    "split_video": "splitting",
    "list_chunks": "splitting",
    "encode_chunk": "encoding",
    "encode_audio": "encoding audio",
    "merge_video": "merging and proving",
}
"""Task ids in the order of the work, each with what happens while it is not done."""


class Snapshot(BaseModel):
    """How far a run is."""

    model_config = ConfigDict(frozen=True)

    stage: str
    chunks_done: int = 0
    chunks_running: int = 0
    chunks_total: int | None = None
    """Unknown until the plan stands."""
    media_done_s: float = 0
    media_total_s: float = 0
    encoding_s: float = 0
    """Wall time since the first chunk began."""

    @property
    def speed(self) -> float | None:
        """Seconds of film encoded in a second, all encoders together."""
        return self.media_done_s / self.encoding_s if self.media_done_s and self.encoding_s > 0 else None

    @property
    def eta_s(self) -> float | None:
        """Seconds until the last chunk is encoded."""
        return (self.media_total_s - self.media_done_s) / self.speed if self.speed else None


class RunTracker:
    """Looks at one run again and again; reads its plan once."""

    def __init__(self, client: AirflowClient, read: ReadObject, run_id: str) -> None:
        self._client, self._read, self.run_id = client, read, run_id
        self._plan: Plan | None = None

    def run(self) -> DagRun:
        """Return the run."""
        return self._client.run(ENCODE_DAG, self.run_id)

    def tasks(self) -> list[TaskInstance]:
        """Return the run's task instances."""
        return self._client.task_instances(ENCODE_DAG, self.run_id)

    def plan(self) -> Plan | None:
        """Return the run's plan, or ``None`` before it stands."""
        if self._plan is None and (url := self._client.xcom(ENCODE_DAG, self.run_id, "prepare_job")):
            self._plan = read_plan(self._read, *parse_job_url(url))
        return self._plan

    def snapshot(self) -> Snapshot:
        """Look once."""
        tasks = self.tasks()
        stage = _stage(tasks)
        chunks = {task.map_index: task for task in tasks if task.task_id == "encode_chunk" and task.map_index >= 0}
        if not chunks or (plan := self.plan()) is None:
            return Snapshot(stage=stage)
        done = [chunk for chunk in plan.chunks if chunk.index in chunks and chunks[chunk.index].state == "success"]
        begun = [task.start_date for task in chunks.values() if task.start_date]
        ended = [task.end_date for task in chunks.values() if task.end_date]
        is_done = len(done) == len(plan.chunks)
        until = max(ended) if is_done and ended else datetime.now(UTC)
        return Snapshot(
            stage=stage,
            chunks_done=len(done),
            chunks_running=sum(1 for task in chunks.values() if task.state in ("running", "deferred")),
            chunks_total=len(plan.chunks),
            media_done_s=sum(chunk_s(plan, chunk) for chunk in done),
            media_total_s=sum(chunk_s(plan, chunk) for chunk in plan.chunks),
            encoding_s=(until - min(begun)).total_seconds() if begun else 0,
        )


def read_plan(read: ReadObject, work_bucket: str, job: JobId) -> Plan | None:
    """Return a job's plan, or ``None`` where it has none."""
    address = ObjectAddress(bucket=work_bucket, name=JobObjects(job).plan)
    raw = read(address)
    return None if raw is None else Plan.from_json(raw, address.url)


def chunk_s(plan: Plan, chunk: Chunk) -> float:
    """Return a chunk's share of the film's duration, by frames: good enough for a progress bar."""
    return plan.duration_us / 1_000_000 * chunk.frames / sum(track.frames for track in plan.tracks)


def _stage(tasks: list[TaskInstance]) -> str:
    for task_id, stage in _STAGES.items():
        states = {task.state for task in tasks if task.task_id == task_id}
        if states - {"success", "skipped", "removed"}:
            return stage
    return "finishing"
