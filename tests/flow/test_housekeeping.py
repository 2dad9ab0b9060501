from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from encoding_contract.job import JobId
from encoding_flow.housekeeping import Reason, choose_departures, group_by_job

NOW = datetime(2026, 3, 1, tzinfo=UTC)
A, B, C = (JobId(digit * 32) for digit in "abc")


@dataclass(frozen=True)
class Object:
    name: str
    days: float
    size_bytes: int = 10

    @property
    def updated(self) -> datetime:
        return NOW - timedelta(days=self.days)


def departures(objects: list[Object], published: set[JobId]) -> dict[JobId, Reason]:
    found = choose_departures(group_by_job(objects), published, keep_days=7, left_days=30, now=NOW)
    return {departure.work.job_id: departure.reason for departure in found}


def test_the_youngest_object_of_a_job_decides() -> None:
    objects = [Object(f"jobs/{A}/job.json", 20), Object(f"jobs/{A}/plan.json", 6.9), Object(f"jobs/{B}/job.json", 7)]
    assert departures(objects, {A, B}) == {B: Reason.PUBLISHED}


def test_a_job_without_output_stays_longer() -> None:
    objects = [Object(f"jobs/{job}/job.json", days) for job, days in ((A, 29), (B, 30), (C, 29))]
    assert departures(objects, {C}) == {B: Reason.LEFT, C: Reason.PUBLISHED}


def test_what_belongs_to_no_job_is_left_alone() -> None:
    objects = [Object("jobs/notes.txt", 99), Object("other", 99), Object(f"jobs/{A}/job.json", 99)]
    (work,) = group_by_job(objects)
    assert (work.job_id, work.names) == (A, (f"jobs/{A}/job.json",))


def test_each_job_is_summed_up() -> None:
    objects = [Object(f"jobs/{job}/{name}", 1) for job in (A, B) for name in ("audio.json", "job.json", "plan.json")]
    assert [(work.job_id, len(work.names), work.size_bytes) for work in group_by_job(objects)] == [
        (A, 3, 30),
        (B, 3, 30),
    ]
