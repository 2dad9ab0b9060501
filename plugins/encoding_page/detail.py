"""All that is known of one video: the report beside its output, its runs, its chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from encoding_contract.errors import MapreelError
from encoding_contract.objects import chart_name, contact_sheet_name, report_name
from encoding_contract.plan import Plan
from encoding_contract.report import Report, ReportedChunk
from encoding_flow.bucket import Bucket
from encoding_flow.chunks import label_chunk
from encoding_flow.names import TaskId
from encoding_page.airflow_api import AirflowApi, ApiRefused, Run, TaskInstance
from encoding_page.catalogue import Output, Video
from encoding_page.failure import Failure, FailureBook
from encoding_page.progress import Progress, count_done, read_plan
from encoding_page.standing import Standing

_RUNS = 10


@dataclass(frozen=True, slots=True)
class ChunkCell:
    """One chunk of the map."""

    index: int
    label: str
    state: str
    """Airflow's word for it; ``kept`` where an earlier run made it."""
    frames: int
    film_s: float
    took_s: float | None
    size_bytes: int | None
    tries: int
    map_index: int | None
    """Its mapped task instance; none where the run has none for it."""
    quality: float | None

    @property
    def kbps(self) -> float | None:
        """Mean kilobits a second of its film."""
        return None if self.size_bytes is None or not self.film_s else self.size_bytes * 8 / self.film_s / 1000


@dataclass(frozen=True, slots=True)
class Detail:
    """What the page of one video shows."""

    standing: Standing
    run: Run | None
    """The one whose chunks are shown: that of the standing, else the latest that did anything."""
    tasks: Sequence[TaskInstance]
    """Of that run, but for its chunks."""
    cells: Sequence[ChunkCell]
    progress: Progress | None
    failure: Failure | None
    report: Report | None
    report_problem: str
    """Why there is no report to show, where there should be one."""
    chart: str | None
    contact_sheet: str | None


@dataclass
class DetailDesk:
    """Looks everything up that the page of one video shows."""

    failures: FailureBook
    judge: Callable[[Video, Sequence[Run]], Awaitable[Standing]]
    open_bucket: Callable[[str], Bucket] = Bucket

    async def look_up(
        self, video: Video, address: str, api: AirflowApi, output_bucket: str, last: Run | None = None
    ) -> Detail:
        """Return all that is known of a video.

        Args:
            video: the video.
            address: the address that its runs were started for.
            api: Airflow, as the visitor.
            output_bucket: where the report lies.
            last: a run of it that is known already.

        Raises:
            ApiRefused, BucketRefused, TransientFault: Airflow or a bucket.
        """
        report, problem, pictures = await asyncio.to_thread(self._read_report, video.output, output_bucket)
        # An output without source goes by another name than its runs.
        runs = await api.runs_of(report.source.address.url if report and video.source is None else address, _RUNS)
        if not runs and last is not None:
            # Airflow searches configurations as text, and a name without any plain letter is not found in many runs.
            runs = [await api.run(last.dag_run_id)]
        standing = await self.judge(video, runs)
        run, tasks = await _pick_run(standing, runs, api)
        plan: Plan | None = None
        failure = None
        if run is not None:
            plan = await self._plan(run, api)
            failure = await self.failures.look_up(run, api) if run.state == "failed" else None
        chunks = [task for task in tasks if task.task_id == TaskId.ENCODE_CHUNK]
        return Detail(
            standing=standing,
            run=run,
            tasks=[task for task in tasks if task.task_id != TaskId.ENCODE_CHUNK],
            cells=draw_cells(plan, chunks, report),
            progress=count_done(plan, chunks) if plan is not None and run is not None and not run.is_over else None,
            failure=failure,
            report=report,
            report_problem=problem,
            chart=pictures[0],
            contact_sheet=pictures[1],
        )

    async def _plan(self, run: Run, api: AirflowApi) -> Plan | None:
        try:
            return await read_plan(run.dag_run_id, api, self.open_bucket)
        except (MapreelError, ApiRefused):
            # Swept from the work bucket, or of another version: the report has the chunks, too.
            return None

    def _read_report(
        self, output: Output | None, bucket: str
    ) -> tuple[Report | None, str, tuple[str | None, str | None]]:
        if output is None:
            return None, "", (None, None)
        name = report_name(output.name)
        opened = self.open_bucket(bucket)
        found = opened.content(name)
        standing = {item.name for item in opened.list(output.name)}
        chart, sheet = (
            made if made in standing else None for made in (chart_name(output.name), contact_sheet_name(output.name))
        )
        if found is None:
            return None, f"gs://{bucket}/{name} is missing; reprocess the video to have it again", (chart, sheet)
        try:
            return Report.from_json(found, f"gs://{bucket}/{name}"), "", (chart, sheet)
        except MapreelError as error:
            return None, str(error), (chart, sheet)


async def _pick_run(standing: Standing, runs: Sequence[Run], api: AirflowApi) -> tuple[Run | None, list[TaskInstance]]:
    """Return the run to show, and its tasks; one that was skipped, as the output stood, has nothing to show."""
    if standing.run is not None:
        return standing.run, await api.tasks(standing.run.dag_run_id)
    latest: tuple[Run | None, list[TaskInstance]] = (None, [])
    for run in runs:
        tasks = await api.tasks(run.dag_run_id)
        if any(task.state != "skipped" for task in tasks):
            return run, tasks
        latest = latest if latest[0] else (run, tasks)
    return latest


def draw_cells(plan: Plan | None, tasks: Sequence[TaskInstance], report: Report | None) -> list[ChunkCell]:
    """Return the chunks in order: by the plan where it stands, else by the report, else by the task instances."""
    by_index = {task.map_index: task for task in tasks if task.map_index >= 0 and task.state != "removed"}
    reported = {chunk.index: chunk for chunk in report.chunks} if report is not None else {}
    if plan is not None:
        # A report of another run may have other chunks: it speaks for this one only where frames and count agree.
        same = len(reported) == len(plan.chunks) and all(
            reported[chunk.index].frames == chunk.frames for chunk in plan.chunks if chunk.index in reported
        )
        total = sum(track.frames for track in plan.tracks)
        return [
            _cell(
                chunk.index,
                label_chunk(plan, chunk),
                chunk.frames,
                plan.duration_us / 1_000_000 * len(plan.tracks) * chunk.frames / total,
                by_index.get(chunk.index),
                reported.get(chunk.index) if same else None,
            )
            for chunk in plan.chunks
        ]
    if reported:
        return [
            _cell(
                chunk.index,
                f"chunk {chunk.index}",
                chunk.frames,
                chunk.end_s - chunk.start_s,
                by_index.get(chunk.index),
                chunk,
            )
            for chunk in reported.values()
        ]
    return [
        _cell(index, task.rendered_map_index or f"chunk {index}", 0, 0, task, None)
        for index, task in sorted(by_index.items())
    ]


def _cell(
    index: int, label: str, frames: int, film_s: float, task: TaskInstance | None, reported: ReportedChunk | None
) -> ChunkCell:
    took_s = reported.timing.wall_s if reported is not None else task.duration_s if task is not None else None
    samples = reported.samples if reported is not None else ()
    looked_at = sum(sample.frames for sample in samples)
    return ChunkCell(
        index=index,
        label=label,
        state=(task.state or "none") if task is not None else "kept" if reported is not None else "none",
        frames=frames,
        film_s=film_s,
        took_s=took_s,
        size_bytes=None if reported is None else reported.size_bytes,
        tries=task.try_number if task is not None else 0,
        map_index=None if task is None else index,
        quality=sum(sample.score * sample.frames for sample in samples) / looked_at if looked_at else None,
    )
