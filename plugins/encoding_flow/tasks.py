"""What the Python tasks of the DAGs do, between Airflow's context and the modules that know nothing of Airflow."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import NoReturn

from airflow.sdk import Context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException

from encoding_contract.errors import ResultMissing
from encoding_contract.objects import JobObjects, parse_job_url
from encoding_contract.plan import Plan
from encoding_contract.report import parse_publication
from encoding_flow.airflow_runs import AirflowRunBook
from encoding_flow.bucket import Bucket
from encoding_flow.chunks import list_mapped_chunks
from encoding_flow.claims import WorkBucketClaims
from encoding_flow.clearing import is_cleared
from encoding_flow.exits import failing_task
from encoding_flow.form import read_overrides
from encoding_flow.housekeeping import choose_departures, group_by_job
from encoding_flow.jobs import JobDesk, Prepared, Request, Standing
from encoding_flow.profiles import ProfileFolder
from encoding_flow.provenance import SOURCES, source_event
from encoding_flow.settings import load_bucket_settings, load_flow_settings

logger = logging.getLogger(__name__)


def prepare(context: Context, profiles: ProfileFolder) -> str:
    """Freeze the job that the run's parameters ask for, and return its address.

    Raises:
        AirflowSkipException: its output stands already, or another run is at it.
        AirflowFailException: the parameters, the source or a bucket are at fault.
        AirflowException: a bucket did not answer.
    """
    params = context["params"]
    request = Request(
        source_url=params["source"],
        profile=params["profile"],
        overrides=read_overrides(params),
        is_made_anew=params["reprocess"] or is_cleared(context["ti"], context["task"].retries or 0),
    )
    with failing_task():
        desk = JobDesk(load_bucket_settings(), profiles, load_flow_settings().encoder_image)
        outcome = desk.prepare(request)
        holder = None
        if isinstance(outcome, Prepared):
            claims = WorkBucketClaims(Bucket(outcome.job.work_bucket))
            run = context["dag_run"].run_id
            holder = claims.take(outcome.job.id, run, AirflowRunBook())
            if holder is None:
                claims.note_source(outcome.job.source.address, run)
    if isinstance(outcome, Standing):
        _skip(
            f"{outcome.output.shown} stands already, made from the same content ({outcome.published.source}) with the "
            f"same settings by job {outcome.published.job_id}; set reprocess, or clear this task, to make it anew"
        )
    if holder is not None:
        _skip(
            f"Run {holder} is encoding {outcome.job.source.address.shown} with the same settings "
            f"(job {outcome.job.id}); watch that one, or clear this task when it is over"
        )
    context["outlet_events"][SOURCES].extra = dict(source_event(outcome.job))
    logger.info(
        "Job %s: %s (%s) -> %s, profile %s",
        outcome.job.id,
        outcome.job.source.address.shown,
        outcome.job.source.content,
        outcome.output.shown,
        outcome.job.profile.name,
    )
    return outcome.url


def _skip(reason: str) -> NoReturn:
    logger.info("%s", reason)  # Airflow's own line about a skipped task leaves the reason out
    raise AirflowSkipException(reason)


def list_planned_chunks(job_url: str) -> list[dict[str, int | str]]:
    """Return each planned chunk's index and label.

    Raises:
        AirflowFailException: the plan is of another version, or has more chunks than Airflow maps.
        AirflowException: there is no plan, or the bucket did not answer.
    """
    with failing_task():
        bucket_name, job = parse_job_url(job_url)
        name = JobObjects(job).plan
        origin = f"gs://{bucket_name}/{name}"
        found = Bucket(bucket_name).content(name)
        if found is None:
            raise ResultMissing(f"{origin}: there is no plan; clear split_video, and it is made again")
        plan = Plan.from_json(found, origin)
        chunks = list_mapped_chunks(plan, conf.getint("core", "max_map_length"))
    logger.info("%d chunks in %d tracks", len(chunks), len(plan.tracks))
    return chunks


def sweep_work(context: Context) -> dict[str, int]:
    """Delete the work objects that may go; return how many jobs and objects, and how many bytes.

    Raises:
        AirflowFailException: a bucket refuses.
        AirflowException: a bucket did not answer.
    """
    params = context["params"]
    now = datetime.now(tz=UTC)
    swept = {"jobs": 0, "objects": 0, "bytes": 0}
    with failing_task():
        places = load_bucket_settings()
        published = {
            publication.job_id
            for _, metadata in Bucket(places.output.bucket).list_metadata(places.output.prefix)
            if (publication := parse_publication(metadata)) is not None
        }
        bucket = Bucket(places.work.bucket)
        works = list(group_by_job(bucket.list("jobs/")))
        for gone in choose_departures(works, published, params["keep_days"], params["left_days"], now):
            # The manifests vouch for the results: they go first, so that none vouches for what is gone.
            for name in sorted(gone.work.names, key=lambda name: not name.endswith(".json")):
                bucket.delete(name)
            logger.info(
                "Job %s: %s since %s; deleted %d objects, %d bytes",
                gone.work.job_id,
                gone.reason,
                gone.work.last_written,
                len(gone.work.names),
                gone.work.size_bytes,
            )
            swept["jobs"] += 1
            swept["objects"] += len(gone.work.names)
            swept["bytes"] += gone.work.size_bytes
    logger.info("Kept the work of %d jobs, deleted that of %d", len(works) - swept["jobs"], swept["jobs"])
    return swept
