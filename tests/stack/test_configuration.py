"""What the stack decides before it starts anything."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest
from pydantic import SecretStr

from local_stack.environment import stack_environment
from local_stack.errors import StartFailed
from local_stack.home import Home
from local_stack.keys import Keys, load_keys
from local_stack.ports import LOOPBACK, Ports, choose_ports
from local_stack.settings import StackSettings
from local_stack.stack import Stack


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


def test_ports_are_remembered(home: Home) -> None:
    settings = StackSettings(home=home.root)
    first = choose_ports(home, settings)

    assert choose_ports(home, settings) == first
    assert len({first.airflow, first.storage, first.supervisor}) == 3


def test_remembered_port_that_is_taken_is_replaced(home: Home) -> None:
    settings = StackSettings(home=home.root)
    first = choose_ports(home, settings)
    with socket.create_server((LOOPBACK, first.airflow)):
        second = choose_ports(home, settings)

    assert second.airflow != first.airflow
    assert (second.storage, second.supervisor) == (first.storage, first.supervisor)


def test_wanted_port_that_is_taken_is_refused_by_name(home: Home) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StartFailed, match=f"port {port} \\(MAPREEL_PORT_STORAGE\\) is taken"):
            choose_ports(home, StackSettings(home=home.root, port_storage=port))


def test_keys_are_made_once(home: Home) -> None:
    other = Home(home.root.with_name("other"))
    other.create()

    assert load_keys(home) == load_keys(home)
    assert load_keys(other).admin_password != load_keys(home).admin_password


def test_airflow_configuration_of_the_caller_stays_outside(home: Home) -> None:
    ports, settings = Ports(airflow=1, storage=2, supervisor=3), StackSettings(home=home.root)
    inherited = {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__SMTP__SMTP_HOST": "mail",
        "AIRFLOW_CONN_KUBERNETES_DEFAULT": "kubernetes://",
        "MAPREEL_INPUT": "gs://somebody/elses",
        "MAPREEL_DEFAULT_PROFILE": "h265-1080p",
        "HTTP_PROXY": "http://proxy",
        "NO_PROXY": "intranet",
    }

    environment = stack_environment(home, Keys(), ports, settings, inherited)

    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW__SMTP__SMTP_HOST" not in environment
    assert environment["AIRFLOW_CONN_KUBERNETES_DEFAULT"] == "kubernetes://"
    assert environment["MAPREEL_INPUT"] == "gs://mapreel-in"
    assert environment["MAPREEL_DEFAULT_PROFILE"] == "h265-1080p"
    assert environment["NO_PROXY"] == "intranet,127.0.0.1,localhost"


def test_more_tasks_than_sqlite_bears_are_refused(home: Home) -> None:
    with pytest.raises(ValueError, match="MAPREEL_CONCURRENT_TASKS: SQLite bears 8 at a time, not 32"):
        StackSettings(home=home.root, concurrent_tasks=32)


def test_postgresql_takes_the_place_of_sqlite_and_bears_more(home: Home) -> None:
    url = SecretStr("postgresql://airflow:secret@db/airflow")
    settings = StackSettings(home=home.root, concurrent_tasks=32, database_url=url)

    environment = stack_environment(home, Keys(), Ports(airflow=1, storage=2, supervisor=3), settings, {})

    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "postgresql+psycopg2://airflow:secret@db/airflow"
    assert environment["AIRFLOW__CORE__PARALLELISM"] == "32"
    assert "secret" not in repr(settings)


def test_another_database_than_postgresql_is_refused_without_its_password(home: Home) -> None:
    with pytest.raises(ValueError, match="MAPREEL_DATABASE_URL: not of the form") as refused:
        StackSettings(home=home.root, database_url=SecretStr("mysql://airflow:secret@db/airflow"))
    assert "secret" not in str(refused.value)


def test_the_database_is_made_once_and_the_pool_set_whenever_what_is_counted_changes(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run(_: Stack, command: list[str], environment: Mapping[str, str]) -> None:
        ran.append(command[-1])
        home.database.touch()

    def prepare(runtime: Literal["local", "kubernetes"], parallelism: str) -> list[str]:
        ran.clear()
        monkeypatch.setenv("MAPREEL_PARALLELISM", parallelism)
        Stack(StackSettings(home=home.root, runtime=runtime)).prepare(lambda _: None)
        return list(ran)

    monkeypatch.setattr(Stack, "_run", run)
    assert prepare("local", "coefficient: 1") == ["migrate", "encoding_flow.pool"]
    assert prepare("local", "coefficient: 1") == []
    assert prepare("kubernetes", "coefficient: 1") == ["encoding_flow.pool"]
    assert prepare("kubernetes", "constant: 3") == ["encoding_flow.pool"]
