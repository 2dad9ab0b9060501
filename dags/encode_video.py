"""
### Encode one video

**Makes** one encoded film in the output bucket, proven whole, with a report beside it, out of one video in a bucket.

**Order:** `prepare_job` looks at the source and freezes the job · `split_video` finds the streams and plans chunks that
partition the frames exactly · `list_chunks` maps them · `encode_chunk` encodes each, as many at a time as the pool
`encoding` has slots · `encode_audio` encodes all audio in one piece, beside the chunks · `merge_video` joins them by
the plan, proves the result against the source, and publishes it · `announce_output` tells Airflow's assets.

**Input:** the address of a video; a profile; single settings that count more than the profile's.
**Output:** `gs://OUTPUT/NAME.CONTAINER` and `NAME.CONTAINER.report.json`. A run whose output stands already (same
content, same settings) ends as skipped; `reprocess` makes it anew.

**When it is red:** open the red task's log; its last line says what, which job and chunk, and what to do.

- **A task failed at once:** the input, the profile or a bucket is at fault, and trying again cannot help. Mend what the
  line names, then clear the task.
- **A task failed after its retries:** a fault that might have passed has not. Clear the task; finished chunks stay.
- **`merge_video` says ProofFailed:** the film does not hold against its source; nothing was published. Clear the chunk
  that the line names, with its downstream.

Clearing a task makes its result anew, even where one stands: clear one chunk with its downstream, and that chunk is
encoded again and the film merged again, nothing else. A new run of the same job takes every chunk that is finished.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, get_current_context, task

from encoding_contract.command import Verb
from encoding_flow.form import form_field, profile_params
from encoding_flow.names import OWNER, DagId, Pool, Tag, TaskId
from encoding_flow.profiles import ProfileFolder
from encoding_flow.provenance import SOURCES, AnnounceOutput
from encoding_flow.runtime import verb_operator
from encoding_flow.settings import load_flow_settings
from encoding_flow.telling import callbacks, leave_fault

settings = load_flow_settings()
profiles = ProfileFolder(settings.profiles or Path(__file__).parent / "profiles")
RunVerb = verb_operator(settings)

with DAG(
    dag_id=DagId.ENCODE,
    doc_md=__doc__,
    description="One video: split it, encode its chunks as mapped tasks, merge and prove, publish",
    schedule=None,
    catchup=False,
    # Beyond what scans start there is room for runs by hand: a run that waits in the queue has no priority.
    max_active_runs=settings.active_runs + 16,
    max_active_tasks=1024,  # what limits the encoders is the pool, over all runs
    tags=[Tag.VIDEO, Tag.ENCODE],
    default_args={
        "owner": OWNER,
        "retries": 3,
        "retry_delay": timedelta(seconds=10),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
        "on_failure_callback": leave_fault,
    },
    **callbacks(settings),
) as dag:

    @task(task_id=TaskId.PREPARE, execution_timeout=timedelta(minutes=10), outlets=[SOURCES])
    def prepare_job() -> str:
        """Freeze the job's document and return its address."""
        from encoding_flow.tasks import prepare

        return prepare(get_current_context(), profiles)

    @task(task_id=TaskId.LIST_CHUNKS, execution_timeout=timedelta(minutes=10))
    def list_chunks(job_url: str) -> list[dict[str, int | str]]:
        """Return each chunk's index and label, out of the plan."""
        from encoding_flow.tasks import list_planned_chunks

        return list_planned_chunks(job_url)

    job_url = prepare_job()
    # The worker ends an encoder that makes no more frames, so these limits only stop what nobody foresaw.
    split_video = RunVerb(task_id=TaskId.SPLIT, verb=Verb.SPLIT, job_url=job_url, execution_timeout=timedelta(hours=12))
    chunks = list_chunks(job_url)  # type: ignore[arg-type]  # an XComArg now, its value when the task runs
    encode_chunk = RunVerb.partial(
        task_id=TaskId.ENCODE_CHUNK,
        verb=Verb.ENCODE,
        job_url=job_url,
        pool=Pool.ENCODING,
        map_index_template="{{ task.chunk_label }}",
        execution_timeout=timedelta(hours=24),
    ).expand_kwargs(chunks)
    encode_audio = RunVerb(
        task_id=TaskId.ENCODE_AUDIO, verb=Verb.ENCODE_AUDIO, job_url=job_url, execution_timeout=timedelta(hours=12)
    )
    merge_video = RunVerb(task_id=TaskId.MERGE, verb=Verb.MERGE, job_url=job_url, execution_timeout=timedelta(hours=12))
    split_video >> [chunks, encode_audio]
    # Ordered after the chunks, but it goes by the plan: a cleared run may hold results of chunks that are no more.
    [encode_chunk, encode_audio] >> merge_video
    announce_output = AnnounceOutput(
        task_id=TaskId.ANNOUNCE,
        job_url=job_url,  # type: ignore[arg-type]
        execution_timeout=timedelta(minutes=10),
    )
    merge_video >> announce_output

# After the tasks: each of them would take a copy of all fields, in every process that reads this file.
dag.params.update(
    {
        "source": form_field(
            "",
            type="string",
            pattern=r"^gs://[^/]+/.+$",
            title="Source",
            description="The video's address: gs://BUCKET/NAME",
            description_md="The video's address: `gs://BUCKET/NAME`. To pick one from a list of all, open "
            "[Videos](/plugin/videos) and choose *Encode now* there",
        ),
        **profile_params(profiles, settings.default_profile),
        "reprocess": form_field(
            False,
            type="boolean",
            title="Reprocess",
            description="Encode even where the same output stands; finished chunks whose inputs are the same are taken",
        ),
        "priority": form_field(
            1,
            type="integer",
            minimum=1,
            maximum=1000,
            title="Priority",
            description="Tasks of a run with a higher one get free slots first",
        ),
    }
)
