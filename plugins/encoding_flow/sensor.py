"""The sensor of scan_videos: finds the videos that an encoding run shall be started for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from pydantic import ValidationError

from encoding_contract.errors import ProfileError
from encoding_contract.model import first_problem
from encoding_flow.exits import failing_task
from encoding_flow.form import read_overrides
from encoding_flow.profiles import ProfileFolder
from encoding_flow.scanning import ScanRules, Verdict
from encoding_flow.settings import load_bucket_settings, load_flow_settings
from encoding_flow.starting import Choice

_BACKFILL = "backfill"
_BY_HAND = "manual"


class NewVideosSensor(BaseSensorOperator):
    """Looks once into the buckets, from the triggerer, and returns the runs to start.

    It does not wait for videos to come: a run that waited would be in the way of a run by hand and of a backfill.
    Where there is nothing to start it ends as skipped, and says what it saw. A run of a backfill looks at the videos
    that arrived in its interval; every other run looks at all.
    """

    template_fields: Sequence[str] = ()

    def __init__(self, *, profiles: ProfileFolder, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.profiles = profiles

    def execute(self, context: Context) -> None:
        """Check the parameters and hand over to the triggerer.

        Raises:
            AirflowFailException: a parameter or a setting is wrong.
        """
        from encoding_flow.trigger import NewVideosTrigger

        with failing_task():
            places = load_bucket_settings()
            rules = self._read_rules(context, load_flow_settings().active_runs)
        self.defer(
            trigger=NewVideosTrigger(
                rules=rules.model_dump(mode="json"),
                input_place=places.input.model_dump(),
                output_place=places.output.model_dump(),
                work_bucket=places.work.bucket,
            ),
            method_name="receive",
        )

    def receive(self, context: Context, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Say what was seen, and return the arguments of each run to start.

        Raises:
            AirflowSkipException: there is none.
            AirflowFailException: the buckets cannot be read.
            AirflowException: a bucket did not answer.
        """
        if "error" in event:
            raise (AirflowException if event["is_retried"] else AirflowFailException)(event["error"])
        choice = Choice.model_validate(event["choice"])
        counts = ", ".join(f"{number} {verdict}" for verdict, number in sorted(event["counts"].items()))
        self.log.info("Input: %s", counts or "no objects")
        if stale := event["counts"].get(Verdict.STALE):
            self.log.info("%d outputs are stale: made with other settings; reprocess makes them again", stale)
        for failed in choice.failed_run_ids:
            self.log.warning("Failed, and not started again until it is cleared: run %s", failed)
        summary = (
            f"{len(choice.starts)} to start, {choice.under_way} under way, {choice.failed} failed, "
            f"{choice.left} left for the next scan"
        )
        self.log.info("Videos without output: %s", summary)
        if not choice.starts:
            raise AirflowSkipException(f"Nothing to start ({counts or 'no objects'}; {summary})")
        params = context["params"]
        return [
            {
                "trigger_run_id": start.run_id,
                "note": start.source_url,
                "conf": {
                    "source": start.source_url,
                    "profile": params["profile"],
                    "overrides": read_overrides(params) or None,
                    "priority": params["priority"],
                },
            }
            for start in choice.starts
        ]

    def _read_rules(self, context: Context, active_limit: int) -> ScanRules:
        params = context["params"]
        names = ("prefix", "include", "exclude", "min_age_s", "min_size_bytes", "max_size_bytes", "limit", "reprocess")
        fields = {name: params[name] for name in names} | {"active_limit": active_limit}
        run = context["dag_run"]
        # Who scans by hand has said with which settings.
        fields["is_yielding"] = run.run_type != _BY_HAND
        if run.run_type == _BACKFILL:
            # By asset or by hand there is no interval, and the keys are absent; a scheduled run must not have one, as
            # a video that was too young for its own interval's scan would be lost.
            fields |= {"arrived_from": run.data_interval_start, "arrived_until": run.data_interval_end}
        profile = self.profiles.load(params["profile"], read_overrides(params))
        try:
            return ScanRules(profile=profile, **{name: value for name, value in fields.items() if value is not None})
        except ValidationError as error:
            raise ProfileError(f"parameter {first_problem(error)}; start the scan again with another value") from error
