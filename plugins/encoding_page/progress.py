"""How far a run is: chunks done, times real time, time left. Asked for what a visitor sees, and kept for a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from encoding_contract.objects import JobObjects, parse_job_url
from encoding_contract.plan import Plan
from encoding_flow.bucket import Bucket
from encoding_flow.names import TaskId
from encoding_page.airflow_api import AirflowApi, ApiRefused, Run, TaskInstance

_KEPT_S = 3.0
_KEPT_RUNS = 500
_AT_A_TIME = 4


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    stage: str
    chunks_done: int = 0
    chunks_total: int | None = None
    """Unknown until the plan stands."""
    film_s: float | None = None
    speed: float | None = None
    """Seconds of film made in a second, all encoders together."""
    left_s: float | None = None
    """Seconds until the last chunk is encoded."""

    @property
    def percent(self) -> int | None:
        """Of the chunks."""
        return None if not self.chunks_total else 100 * self.chunks_done // self.chunks_total


SPLITTING, ENCODING, MERGING = "splitting", "encoding", "merging and proving"


def measure(plan_chunks: int, film_s: float, done: int, begun: datetime | None, now: datetime) -> Progress:
    """Return how far the chunks are.

    Args:
        plan_chunks: how many chunks the plan has.
        film_s: the film's duration.
        done: how many of them are encoded.
        begun: when the first of these began.
        now: the time of the look.
    """
    if done >= plan_chunks:
        return Progress(MERGING, plan_chunks, plan_chunks, film_s)
    elapsed_s = (now - begun).total_seconds() if begun else 0
    if not done or elapsed_s <= 0:
        return Progress(ENCODING, done, plan_chunks, film_s)
    made_s = film_s * done / plan_chunks
    speed = made_s / elapsed_s
    return Progress(ENCODING, done, plan_chunks, film_s, speed, (film_s - made_s) / speed if speed else None)


@dataclass
class _Known:
    chunks: int
    film_s: float


@dataclass
class ProgressBook:
    """Looks at running films."""

    open_bucket: Callable[[str], Bucket] = Bucket
    _plans: dict[str, _Known] = field(default_factory=dict)
    _looks: dict[str, tuple[float, Progress]] = field(default_factory=dict)

    async def look_at(self, runs: Iterable[Run], api: AirflowApi) -> dict[str, Progress]:
        """Return the progress of each run, by its id; a run that cannot be looked at is left out."""
        free = asyncio.Semaphore(_AT_A_TIME)

        async def look(run: Run) -> tuple[str, Progress] | None:
            async with free:
                try:
                    return run.dag_run_id, await self._look(run, api)
                except ApiRefused:
                    return None

        found = await asyncio.gather(*(look(run) for run in runs))
        return dict(pair for pair in found if pair is not None)

    async def _look(self, run: Run, api: AirflowApi) -> Progress:
        kept = self._looks.get(run.dag_run_id)
        if kept is not None and time.monotonic() - kept[0] < _KEPT_S:
            return kept[1]
        progress = await self._ask(run, api)
        if len(self._looks) > _KEPT_RUNS:
            self._looks.clear()
        self._looks[run.dag_run_id] = (time.monotonic(), progress)
        return progress

    async def _ask(self, run: Run, api: AirflowApi) -> Progress:
        # A run that was cleared is queued again, and may have another plan.
        run_id, key = run.dag_run_id, f"{run.dag_run_id} {run.queued_at}"
        known = self._plans.get(key)
        if known is None:
            plan = await read_plan(run_id, api, self.open_bucket)
            if plan is None:
                return Progress(SPLITTING)
            known = _Known(len(plan.chunks), plan.duration_us / 1_000_000)
            if len(self._plans) > _KEPT_RUNS:
                self._plans.clear()
            self._plans[key] = known
        done = await api.count_tasks(run_id, task_id=TaskId.ENCODE_CHUNK, state="success", order_by="start_date")
        begun = done.task_instances[0].start_date if done.task_instances else None
        return measure(known.chunks, known.film_s, done.total_entries, begun, datetime.now(UTC))


async def read_plan(run_id: str, api: AirflowApi, open_bucket: Callable[[str], Bucket] = Bucket) -> Plan | None:
    """Return the plan of a run's job, or ``None`` where it has none yet, or none any more.

    Raises:
        ApiRefused, BucketRefused, TransientFault: Airflow or the work bucket.
    """
    url = await api.xcom(run_id, TaskId.PREPARE)
    if not isinstance(url, str):
        return None
    bucket, job = parse_job_url(url)
    name = JobObjects(job).plan
    found = await asyncio.to_thread(lambda: open_bucket(bucket).content(name))
    return None if found is None else Plan.from_json(found, f"gs://{bucket}/{name}")


def count_done(plan: Plan, chunks: Iterable[TaskInstance]) -> Progress:
    """Return how far a run is, from all its chunks' task instances."""
    done = [task for task in chunks if task.state == "success"]
    begun = min((task.start_date for task in done if task.start_date), default=None)
    return measure(len(plan.chunks), plan.duration_us / 1_000_000, len(done), begun, datetime.now(UTC))
