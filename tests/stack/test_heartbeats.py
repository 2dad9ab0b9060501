"""When the watcher restarts a component."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from encoding_client.airflow_client import Health
from local_stack.heartbeats import CHECK_EVERY_S, COMPONENTS, STRIKES, Watch
from local_stack.supervisor import ProgramState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FRESH_S, OLD_S = 5, 300


def health_of(**ages_s: float) -> dict[str, Health]:
    return {
        name: Health(status="healthy", heartbeat=(NOW - timedelta(seconds=ages_s.get(name, FRESH_S))).isoformat())
        for name in COMPONENTS
    }


def states(uptime_s: int = 600) -> dict[str, ProgramState]:
    names = [*COMPONENTS.values(), "api-server"]
    return {
        name: ProgramState(name=name, statename="RUNNING", pid=7, start=0, now=uptime_s, logfile="") for name in names
    }


def make_watch() -> Watch:
    return Watch(old_s=45, grace_s=90)


def test_old_heartbeat_is_a_reason_after_some_looks() -> None:
    watch = make_watch()
    verdicts = [watch.judge(health_of(scheduler=OLD_S), states(), NOW) for _ in range(STRIKES)]

    assert verdicts[:-1] == [{}] * (STRIKES - 1)
    assert verdicts[-1] == {"scheduler": "last heartbeat 300 s ago"}


def test_fresh_heartbeats_are_left_alone() -> None:
    watch = make_watch()

    assert [watch.judge(health_of(), states(), NOW) for _ in range(10)] == [{}] * 10


def test_one_fresh_heartbeat_forgives_the_old_ones() -> None:
    watch = make_watch()
    ages_s = [OLD_S, OLD_S, FRESH_S] * 4

    assert [watch.judge(health_of(triggerer=age_s), states(), NOW) for age_s in ages_s] == [{}] * 12


def test_program_that_was_just_started_is_let_be() -> None:
    watch = make_watch()

    assert [watch.judge(health_of(dag_processor=OLD_S), states(uptime_s=60), NOW) for _ in range(10)] == [{}] * 10


def test_silent_api_server_is_restarted_and_nothing_else() -> None:
    watch = make_watch()
    looks = round(45 / CHECK_EVERY_S)
    verdicts = [watch.judge(None, states(), NOW) for _ in range(looks)]

    assert verdicts[:-1] == [{}] * (looks - 1)
    assert set(verdicts[-1]) == {"api-server"}


def test_component_without_any_heartbeat_is_restarted() -> None:
    watch = make_watch()
    health = health_of() | {"triggerer": Health(status=None, heartbeat=None)}
    verdicts = [watch.judge(health, states(), NOW) for _ in range(STRIKES)]

    assert verdicts[-1] == {"triggerer": "never had a heartbeat"}
