"""
### Find new videos and start a run of encode_video for each

**Makes** one run of `encode_video` for each video of the input bucket that has no output made from its name and
content.

**Order:** `find_new_videos` lists output and input once, from the triggerer, and compares them · `start_run` starts the
encoding runs, oldest video first.

**Input:** `MAPREEL_INPUT`, every `MAPREEL_SCAN_MINUTES` minutes or when `MAPREEL_SCAN_CRON` says, when started by
hand, and at once when the bucket tells of a new object (`MAPREEL_EVENTS`, a Pub/Sub subscription). Names that do not
end as a video's are passed over and counted.
**Output:** at most `limit` runs of `encode_video`; the others wait for the next scan. A scan with nothing to start ends
as skipped, which is no fault; its log counts what it saw: unchanged, stale, too young.

A video whose run is under way is left alone. One whose run **failed** is not started again until somebody clears that
run, or until its content or the profile changes. A changed profile alone makes nothing new: such outputs are counted as
stale, and `reprocess` makes them again. An output that was deleted makes its video new.

**Backfill:** a run of a backfill looks only at the videos that arrived in its interval.

**When it is red:** the last line of `find_new_videos` names the bucket, the setting or the parameter at fault. Nothing
is lost: the next scan finds the same videos.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, AssetOrTimeSchedule, CronDataIntervalTimetable, Param
from airflow.sdk.bases.timetable import BaseTimetable

from encoding_flow.events import watched_input
from encoding_flow.form import profile_params
from encoding_flow.names import OWNER, DagId, Tag, TaskId
from encoding_flow.profiles import ProfileFolder
from encoding_flow.sensor import NewVideosSensor
from encoding_flow.settings import load_flow_settings

settings = load_flow_settings()
profiles = ProfileFolder(settings.profiles or Path(__file__).parent / "profiles")

# A plain cron string would make intervals of no width, and a backfill needs them.
schedule: BaseTimetable = CronDataIntervalTimetable(settings.scan_schedule, timezone="UTC")
if settings.events is not None:
    schedule = AssetOrTimeSchedule(timetable=schedule, assets=[watched_input(settings.events)])

with DAG(
    dag_id=DagId.SCAN,
    doc_md=__doc__,
    description="Finds videos without an output, and starts encode_video for each",
    schedule=schedule,
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=[Tag.VIDEO, Tag.SCAN],
    params={
        **profile_params(profiles, settings.default_profile),
        # Airflow's form takes an empty field of a type without null for a missing one, and starts nothing.
        "prefix": Param(
            None, type=["string", "null"], title="Prefix", description="Only names that begin with it; empty: all"
        ),
        "include": Param(
            None,
            type=["array", "null"],
            items={"type": "string"},
            title="Include",
            description="Shell patterns, one a line; a * matches slashes too. Empty: all",
        ),
        "exclude": Param(
            None,
            type=["array", "null"],
            items={"type": "string"},
            title="Exclude",
            description="Shell patterns, one a line",
        ),
        "min_age_s": Param(
            0,
            type="integer",
            minimum=0,
            title="Minimum age",
            description="Seconds since the object came or was replaced; younger ones wait for a later scan",
        ),
        "min_size_bytes": Param(1, type="integer", minimum=0, title="Minimum size", description="In bytes"),
        "max_size_bytes": Param(
            None, type=["integer", "null"], minimum=1, title="Maximum size", description="In bytes; empty: none"
        ),
        "limit": Param(
            settings.scan_limit,
            type="integer",
            minimum=1,
            maximum=1000,
            title="Limit",
            description="The most runs that this scan starts; the rest waits for the next one",
        ),
        "reprocess": Param(
            False,
            type="boolean",
            title="Reprocess",
            description="Encode videos again whose output was made with other settings than the profile has now",
        ),
        "priority": Param(
            1, type="integer", minimum=1, maximum=1000, title="Priority", description="Of the runs that it starts"
        ),
    },
    default_args={
        "owner": OWNER,
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=5),
    },
) as dag:
    find_new_videos = NewVideosSensor(
        task_id=TaskId.FIND_VIDEOS, profiles=profiles, execution_timeout=timedelta(minutes=30)
    )
    start_run = TriggerDagRunOperator.partial(
        task_id=TaskId.START_RUNS,
        trigger_dag_id=DagId.ENCODE,
        logical_date=None,
        # The run id follows from the job, so a scan that is tried again, or two at a time, start nothing twice.
        skip_when_already_exists=True,
        map_index_template="{{ task.note }}",
        execution_timeout=timedelta(minutes=5),
    ).expand_kwargs(find_new_videos.output)
