"""The priority of a run: an urgent film's tasks get free slots before a backlog's.

An Airflow policy, found by the entry point ``airflow.policy`` of this project's package. A priority weight strategy
would be the nearer place, but it is not told the run when task instances are made (Airflow 3.3.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.policies import hookimpl

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance

_DAG_ID = "encode_video"
_STEP = 1000
"""More than the weights of one run's tasks among themselves, which follow from their place in the DAG."""


@hookimpl
def task_instance_mutation_hook(task_instance: TaskInstance, dag_run: DagRun | None) -> None:
    """Raise the weight of a task instance by its run's parameter ``priority``.

    Airflow calls this again and again for the same instance, so the result must not depend on how often.
    """
    if task_instance.dag_id != _DAG_ID or dag_run is None:
        return
    priority = (dag_run.conf or {}).get("priority")
    if isinstance(priority, int) and priority > 1:
        task_instance.priority_weight = (priority - 1) * _STEP + (task_instance.priority_weight or 1) % _STEP
