"""The encoding runs that matter to somebody who looks at videos: those under way, and those that failed.

They are read once, page by page; from then on only what has changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from encoding_flow.runs import RunState
from encoding_page.airflow_api import AirflowApi, Run

# Airflow notes a change before it is committed, and clocks of several hosts differ.
_OVERLAP = timedelta(seconds=30)
# Runs that somebody deleted are noticed when all are read again.
_REREAD = timedelta(minutes=10)


def _now() -> datetime:
    return datetime.now(UTC)


class RunBook:
    """What is known of the encoding runs, by the video's address."""

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        self._runs: dict[str, Run] = {}
        self._looked_at: datetime | None = None
        self._read_at: datetime | None = None

    async def refresh(self, api: AirflowApi) -> dict[str, Run]:
        """Ask Airflow what is new, and return the run of each video that counts, if one does.

        Raises:
            ApiRefused: Airflow did not answer.
        """
        now = self._now()
        if self._read_at is None or self._looked_at is None or now - self._read_at > _REREAD:
            states = [RunState.QUEUED, RunState.RUNNING, RunState.FAILED]
            self._runs = {run.dag_run_id: run async for run in api.runs(state=[*map(str, states)])}
            self._read_at = now
        else:
            since = (self._looked_at - _OVERLAP).isoformat()
            self._runs |= {run.dag_run_id: run async for run in api.runs(updated_at_gte=since)}
        self._looked_at = now
        return latest_of_each(self._runs.values())


def latest_of_each(runs: Iterable[Run]) -> dict[str, Run]:
    """Return the run of each source that counts: one under way, else the one that failed last.

    One that succeeded says nothing beyond its output, and nothing at all where it ended as skipped because another run
    was at the same job: that one counts.
    """
    latest: dict[str, Run] = {}
    for run in runs:
        if run.state == RunState.SUCCESS:
            continue
        other = latest.get(run.source_url)
        if other is None or (not run.is_over, run.run_after) > (not other.is_over, other.run_after):
            latest[run.source_url] = run
    return latest
