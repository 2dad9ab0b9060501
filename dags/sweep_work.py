"""
### Delete work objects that nobody needs any more

**Makes** room in the work bucket, once a day.

**Order:** `delete_old_work` lists the work bucket by jobs and deletes the objects of a job whose film was published
`keep_days` ago, and of one that nobody went on with for `left_days`.

**Input:** `MAPREEL_WORK` and `MAPREEL_OUTPUT`.
**Output:** a smaller bucket; the log names each job, why it went, and how much it held. Deleting work objects costs
work and never correctness: a run that misses some makes them again.

On Cloud Storage a lifecycle rule does the same without this DAG (`deploy/storage`); the two get along.

**When it is red:** the last line names the bucket and what it refuses. Nothing else depends on this DAG.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, CronDataIntervalTimetable, Param, get_current_context, task

from encoding_flow.names import OWNER, DagId, Tag, TaskId

with DAG(
    dag_id=DagId.SWEEP,
    doc_md=__doc__,
    description="Deletes the work objects of published films, and of jobs that were left behind",
    schedule=CronDataIntervalTimetable("30 3 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=[Tag.VIDEO, Tag.HOUSEKEEPING],
    params={
        "keep_days": Param(
            7,
            type="number",
            minimum=0,
            title="Keep after success",
            description="Days that the work objects of a published film stay, for clearing single chunks",
        ),
        "left_days": Param(
            30,
            type="number",
            minimum=0,
            title="Keep without success",
            description="Days that the work objects of a film without output stay, for going on with it",
        ),
    },
    default_args={
        "owner": OWNER,
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
    },
) as dag:

    @task(task_id=TaskId.DELETE_OLD, execution_timeout=timedelta(hours=6))
    def delete_old_work() -> dict[str, int]:
        """Delete what may go; return how many jobs, objects and bytes."""
        from encoding_flow.tasks import sweep_work

        return sweep_work(get_current_context())

    delete_old_work()
