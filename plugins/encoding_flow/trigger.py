"""The scan itself, which runs in Airflow's triggerer: two listings, and a few questions to Airflow about runs.

Holds no worker slot. A change of this file is taken up when the triggerer is started anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from encoding_contract.errors import MapreelError
from encoding_contract.objects import output_name
from encoding_contract.place import Place
from encoding_contract.profile import Container
from encoding_contract.report import parse_publication
from encoding_flow.airflow_runs import AirflowRunBook
from encoding_flow.bucket import Bucket
from encoding_flow.claims import WorkBucketClaims
from encoding_flow.scanning import Candidate, Made, ScanRules, Survey, survey_input
from encoding_flow.starting import Choice, choose_starts

_SETTLE_S = 5


class NewVideosTrigger(BaseTrigger):
    """Looks once for videos that a run shall be started for, and fires."""

    def __init__(
        self, rules: dict[str, Any], input_place: dict[str, Any], output_place: dict[str, Any], work_bucket: str
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.rules = rules
        self.input_place = input_place
        self.output_place = output_place
        self.work_bucket = work_bucket

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to make this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "rules": self.rules,
                "input_place": self.input_place,
                "output_place": self.output_place,
                "work_bucket": self.work_bucket,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Scan, and fire one event: the outcome, or the error that prevented it."""
        # A trigger that fires before the scheduler has read the end of the process that deferred costs the task a try
        # ("Executor reported ... success, but the task instance's state is running"; Airflow 3.3.2, a busy machine).
        await asyncio.sleep(_SETTLE_S)
        rules = ScanRules.model_validate(self.rules)
        try:
            survey = await asyncio.to_thread(
                survey_buckets, rules, Place.model_validate(self.input_place), Place.model_validate(self.output_place)
            )
            # Airflow's channel is for one thread at a time, which is what sync_to_async sees to.
            choice: Choice = await sync_to_async(choose_starts)(
                survey.candidates,
                AirflowRunBook(),
                WorkBucketClaims(Bucket(self.work_bucket)),
                partial(is_published, Place.model_validate(self.output_place), rules.profile.container),
                rules.limit,
                rules.active_limit,
                rules.is_yielding,
            )
        except MapreelError as error:
            yield _event({"error": f"{type(error).__name__}: {error}", "is_retried": error.exit_code.is_retried})
            return
        counts = {verdict.value: number for verdict, number in survey.counts.items()}
        yield _event({"choice": choice.model_dump(mode="json"), "counts": counts})


def _event(payload: dict[str, Any]) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]


def survey_buckets(rules: ScanRules, input_place: Place, output_place: Place) -> Survey:
    """List output and input, once each and at the same time, and judge every object.

    Raises:
        BucketRefused, TransientFault: the buckets.
    """
    now = datetime.now(tz=UTC)
    with ThreadPoolExecutor(1, thread_name_prefix="list-output") as other:
        published = other.submit(_list_published, output_place)
        # A film that is published in these seconds is looked at again before another run of it is started; one whose
        # output is deleted is found by the next scan.
        objects = list(Bucket(input_place.bucket).list(input_place.prefix + rules.prefix))
        made = published.result()
    return survey_input(input_place.bucket, input_place.prefix, objects, made, output_place.prefix, rules, now)


def is_published(place: Place, container: Container, candidate: Candidate) -> bool:
    """Return whether the output of a candidate's job stands now.

    Raises:
        BucketRefused, TransientFault: the bucket.
    """
    found = Bucket(place.bucket).stat(output_name(place.prefix, candidate.source.name, container))
    published = parse_publication(found.metadata if found else None)
    return published is not None and published.job_id == candidate.job_id


def _list_published(place: Place) -> dict[str, Made]:
    made = {}
    for name, metadata in Bucket(place.bucket).list_metadata(place.prefix):
        published = parse_publication(metadata)
        if published is not None:
            made[name] = Made.of(published)
    return made
