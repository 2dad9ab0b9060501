"""What Airflow says of the encoding runs, asked through the task SDK: in a task and in the triggerer alike."""

from __future__ import annotations

from collections.abc import Sequence

from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from encoding_flow.names import DagId


class AirflowRunBook:
    """A ``RunBook`` of encode_video."""

    def count(self, run_ids: Sequence[str], states: Sequence[str] | None) -> int:
        """Return how many of these runs stand (in one of these states)."""
        return int(
            RuntimeTaskInstance.get_dr_count(
                dag_id=DagId.ENCODE, run_ids=list(run_ids), states=None if states is None else [*map(str, states)]
            )
        )
