"""Why a run failed: the error line of the task that failed first, out of its log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from encoding_page.airflow_api import AirflowApi, Run, TaskInstance

_KEPT = 2000
_JOB = re.compile(r"^[^:]* of gs://[^ ]+/job\.json: ")
_LATE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Failure:
    """The task that failed first, and its last word."""

    task: TaskInstance
    line: str

    @property
    def short(self) -> str:
        """The line without the address of the job, which says nothing to somebody who looks at a list of films."""
        return _JOB.sub("", self.line, count=1)


@dataclass
class FailureBook:
    """Reads the log of each failure once."""

    _known: dict[tuple[str, datetime | None], Failure | None] = field(default_factory=dict)

    def recall(self, run: Run) -> Failure | None:
        """Return what is known already of why a run failed."""
        return self._known.get((run.dag_run_id, run.end_date))

    async def look_up(self, run: Run, api: AirflowApi) -> Failure | None:
        """Return why a run failed, or ``None`` where none of its tasks did.

        Raises:
            ApiRefused: Airflow did not answer, or the visitor may not read logs.
        """
        key = run.dag_run_id, run.end_date
        if key not in self._known:
            if len(self._known) > _KEPT:
                self._known.clear()
            found = await api.count_tasks(run.dag_run_id, state="failed", order_by="end_date", limit=10)
            first = choose_first(found.task_instances)
            line = error_line(await api.log(run.dag_run_id, first)) if first is not None else ""
            self._known[key] = None if first is None else Failure(first, line or "left no error line; see its log")
        return self._known[key]


def choose_first(tasks: Iterable[TaskInstance]) -> TaskInstance | None:
    """Return the task that failed first."""
    failed = [task for task in tasks if task.state == "failed"]
    return min(failed, key=lambda task: task.end_date or _LATE, default=None)


def error_line(events: Iterable[dict[str, Any]]) -> str:
    """Return the last exception's message in a task's log; empty where there is none."""
    lines = [
        str(detail.get("exc_value") or detail.get("exc_type") or "")
        for event in events
        for detail in event.get("error_detail") or []
    ]
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
