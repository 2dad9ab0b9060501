"""Provenance in Airflow: an asset event for each source taken and each output published, and OpenLineage's datasets.

The report beside an output is what counts; it stands without Airflow. The events lead from Airflow's asset pages to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from airflow.sdk import Asset, BaseOperator, Context

from encoding_contract.job import Job, ObjectAddress
from encoding_contract.lines import one_line
from encoding_contract.objects import JobObjects, output_name, parse_job_url, report_name
from encoding_flow.exits import failing_task

SOURCES = Asset("mapreel_sources")
OUTPUTS = Asset("mapreel_outputs")


def source_event(job: Job) -> dict[str, str]:
    """Return what the event of a source carries."""
    content = job.source.content
    return {
        "source": job.source.address.url,
        "generation": str(job.source.generation),
        "content": str(content),
        "job": job.id,
        "profile": job.profile.name,
    }


def output_event(job: Job, generation: int) -> dict[str, str]:
    """Return what the event of an output carries; the generation is the output's."""
    output = output_address(job)
    name = quote(output.name, safe="/")
    return {
        **source_event(job),
        "output": output.url,
        "output_generation": str(generation),
        "report": report_name(output.url),
        "output_link": f"https://console.cloud.google.com/storage/browser/_details/{output.bucket}/{name}",
    }


def output_address(job: Job) -> ObjectAddress:
    """Return where a job's output lies."""
    name = output_name(job.output_prefix, job.source.address.name, job.profile.container)
    return ObjectAddress(bucket=job.output_bucket, name=name)


def dataset_name(address: ObjectAddress) -> tuple[str, str]:
    """Return namespace and name of an object as a dataset of OpenLineage.

    See https://openlineage.io/docs/spec/naming: ``gs://BUCKET``, and the object's name.
    """
    return f"gs://{address.bucket}", address.name


class AnnounceOutput(BaseOperator):
    """Tells Airflow's assets and metrics, and OpenLineage where its provider is installed, what was made of what."""

    template_fields: Sequence[str] = ("job_url",)

    def __init__(self, *, job_url: str, **kwargs: Any) -> None:
        super().__init__(outlets=[OUTPUTS], **kwargs)
        self.job_url = job_url

    def execute(self, context: Context) -> str:
        """Emit the event; return the output's address.

        Raises:
            AirflowException: the output does not stand, or a bucket did not answer.
        """
        from encoding_contract.errors import ResultMissing
        from encoding_contract.report import parse_publication
        from encoding_flow.bucket import Bucket
        from encoding_flow.figures import count_video

        with failing_task():
            job = self._read_job()
            output = output_address(job)
            standing = Bucket(output.bucket).stat(output.name)
            if standing is None:
                raise ResultMissing(f"{output.url}: was published and is gone; clear merge_video to publish it again")
        event = output_event(job, standing.generation)
        context["outlet_events"][OUTPUTS].extra = dict(event)
        self.log.info("%s, %d bytes, report %s", output.shown, standing.size_bytes, one_line(event["report"]))
        count_video(job, parse_publication(standing.metadata), standing.size_bytes)
        return output.url

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return source and output as datasets; called by Airflow's OpenLineage provider only."""
        from airflow.providers.openlineage.extractors import OperatorLineage  # type: ignore[import-not-found]
        from openlineage.client.event_v2 import Dataset  # type: ignore[import-not-found]

        job = self._read_job()
        source, output = (dataset_name(address) for address in (job.source.address, output_address(job)))
        return OperatorLineage(
            inputs=[Dataset(namespace=source[0], name=source[1])],
            outputs=[Dataset(namespace=output[0], name=output[1])],
        )

    def _read_job(self) -> Job:
        from encoding_contract.errors import ResultMissing
        from encoding_flow.bucket import Bucket

        bucket, job = parse_job_url(self.job_url)
        found = Bucket(bucket).content(JobObjects(job).job)
        if found is None:
            raise ResultMissing(f"{self.job_url}: there is no such job; clear prepare_job, and it is made again")
        return Job.from_json(found, self.job_url)
