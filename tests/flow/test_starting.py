"""Which runs a scan starts, against a run book that answers as Airflow does."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from encoding_contract.job import JobId, ObjectAddress
from encoding_flow.runs import RunState, Standing, look_up, run_id
from encoding_flow.scanning import Candidate, Verdict
from encoding_flow.starting import choose_starts


class Book:
    def __init__(self, states: dict[str, str]) -> None:
        self.states = states
        self.questions = 0

    def count(self, run_ids: Sequence[str], states: Sequence[str] | None) -> int:
        self.questions += 1
        found = [self.states[run] for run in run_ids if run in self.states]
        return len([state for state in found if states is None or state in states])


class Claims:
    def __init__(self, claims: dict[str, str] | None = None, sources: dict[str, str] | None = None) -> None:
        self.claims, self.sources = claims or {}, sources or {}

    def claimed_by(self, job: JobId) -> str | None:
        return self.claims.get(job)

    def last_at(self, source: ObjectAddress) -> str | None:
        return self.sources.get(source.url)


def gone(_: Candidate) -> bool:
    return False


def candidate(number: int) -> Candidate:
    return Candidate(
        source=ObjectAddress(bucket="films", name=f"in/film {number}.mov"),
        job_id=JobId(f"{number:032x}"),
        arrived=datetime(2026, 1, 1, tzinfo=UTC),
        verdict=Verdict.NEW,
    )


def run_of(number: int, attempt: int = 1) -> str:
    return run_id(candidate(number).job_id, candidate(number).source.name, attempt)


def test_a_run_id_begins_with_the_videos_name_and_has_only_what_airflow_allows() -> None:
    assert run_id(JobId("a" * 32), "in/naïve 日本 film.mov") == f"na_ve_film.mov~{'a' * 32}"
    assert run_id(JobId("a" * 32), "in/🎬") == f"_~{'a' * 32}"


def test_a_new_video_gets_the_run_of_its_job() -> None:
    choice = choose_starts([candidate(1)], Book({}), Claims(), gone, 10, 1000)
    assert [(start.run_id, start.source_url) for start in choice.starts] == [(run_of(1), "gs://films/in/film 1.mov")]


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING])
def test_one_under_way_is_left_alone(state: RunState) -> None:
    choice = choose_starts([candidate(1)], Book({run_of(1): state}), Claims(), gone, 10, 1000)
    assert (choice.starts, choice.under_way) == ((), 1)


def test_a_failed_one_is_not_started_again_and_is_listed() -> None:
    choice = choose_starts([candidate(1)], Book({run_of(1): RunState.FAILED}), Claims(), gone, 10, 1000)
    assert (choice.starts, choice.failed_run_ids) == ((), (run_of(1),))


def test_a_deleted_output_of_a_finished_run_gets_another_run() -> None:
    book = Book({run_of(1): RunState.SUCCESS, run_of(1, 2): RunState.SUCCESS})
    choice = choose_starts([candidate(1)], book, Claims(), gone, 10, 1000)
    assert [start.run_id for start in choice.starts] == [run_of(1, 3)]


def test_one_that_was_published_since_the_listing_gets_none() -> None:
    by_hand = Claims({candidate(1).job_id: "manual__1"})
    for run, claims in ((run_of(1), Claims()), ("manual__1", by_hand)):
        choice = choose_starts([candidate(1)], Book({run: RunState.SUCCESS}), claims, lambda _: True, 10, 1000)
        assert (choice.starts, choice.under_way, choice.left) == ((), 0, 0)


def test_a_later_attempt_that_failed_or_runs_counts() -> None:
    book = Book(
        {
            run_of(1): RunState.SUCCESS,
            run_of(1, 2): RunState.FAILED,
            run_of(2): RunState.SUCCESS,
            run_of(2, 2): RunState.RUNNING,
        }
    )
    choice = choose_starts([candidate(1), candidate(2)], book, Claims(), gone, 10, 1000)
    assert (choice.starts, choice.failed_run_ids, choice.under_way) == ((), (run_of(1, 2),), 1)


def test_a_video_that_is_encoded_with_other_settings_is_left_alone_but_by_who_scans_by_hand() -> None:
    book, claims = Book({"other": RunState.RUNNING}), Claims(sources={"gs://films/in/film 1.mov": "other"})
    choice = choose_starts([candidate(1), candidate(2)], book, claims, gone, 10, 1000)
    assert ([start.run_id for start in choice.starts], choice.under_way) == ([run_of(2)], 1)
    assert len(choose_starts([candidate(1), candidate(2)], book, claims, gone, 10, 1000, is_yielding=False).starts) == 2
    over = Book({"other": RunState.SUCCESS})
    assert len(choose_starts([candidate(1)], over, claims, gone, 10, 1000).starts) == 1


@pytest.mark.parametrize(
    ("state", "starts", "failed", "under_way"),
    [
        (RunState.RUNNING, 0, 0, 1),
        (RunState.FAILED, 0, 1, 0),
        (RunState.SUCCESS, 1, 0, 0),
        (None, 1, 0, 0),  # a claim of another Airflow, or of one whose database is lost
    ],
)
def test_a_run_started_by_hand_is_known_by_its_claim(
    state: RunState | None, starts: int, failed: int, under_way: int
) -> None:
    book = Book({} if state is None else {"manual__1": state})
    choice = choose_starts([candidate(1)], book, Claims({candidate(1).job_id: "manual__1"}), gone, 10, 1000)
    assert (len(choice.starts), choice.failed, choice.under_way) == (starts, failed, under_way)


def test_the_limit_counts_only_what_is_started() -> None:
    candidates = [candidate(number) for number in range(100)]
    failed = {run_of(number): RunState.FAILED for number in range(50)}
    choice = choose_starts(candidates, Book({**failed}), Claims(), gone, 7, 1000)
    assert [start.run_id for start in choice.starts] == [run_of(number) for number in range(50, 57)]
    assert (choice.failed, choice.left) == (50, 43)


def test_no_more_are_under_way_than_may_be() -> None:
    candidates = [candidate(number) for number in range(20)]
    book = Book({run_of(number): RunState.RUNNING for number in range(5)})
    choice = choose_starts(candidates, book, Claims(), gone, 10, 8)
    assert [start.run_id for start in choice.starts] == [run_of(5), run_of(6), run_of(7)]
    assert (choice.under_way, choice.left) == (5, 12)


def test_a_long_backlog_takes_few_questions() -> None:
    candidates = [candidate(number) for number in range(1750)]
    under_way = {run_of(number): RunState.QUEUED for number in range(1700)}
    book = Book({**under_way})
    assert len(choose_starts(candidates, book, Claims(), gone, 50, 2000).starts) == 50
    assert book.questions < 120


def test_look_up_tells_each_state_in_a_mixed_block() -> None:
    states = ["queued", "running", "success", "failed", None] * 20
    runs = [f"r{number}" for number in range(len(states))]
    book = Book({run: state for run, state in zip(runs, states, strict=True) if state is not None})
    expected = {
        "queued": Standing.UNDER_WAY,
        "running": Standing.UNDER_WAY,
        "success": Standing.FINISHED,
        "failed": Standing.FAILED,
        None: Standing.ABSENT,
    }
    assert look_up(book, runs) == [expected[state] for state in states]
