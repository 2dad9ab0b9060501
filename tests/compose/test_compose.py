"""From nothing to a film and back, as somebody does it who has Docker and nothing else; and what may happen on the way.

The tests go on from one another: one stack, started once, lives through all of them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from encoding_client.tracking import ENCODE_DAG
from encoding_client.watching import SCAN_DAG
from encoding_contract.report import Report
from tests.cluster.film import check_film, make_clip
from tests.compose.stack import SECRETS, ComposeStack
from tests.waiting import await_that

pytestmark = [
    pytest.mark.compose,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        "DOCKER_HOST" not in os.environ or shutil.which("docker") is None, reason="no Docker engine (DOCKER_HOST)"
    ),
]

QUICK, SLOW = "a film.mp4", "slow.mp4"
CHUNKS_OF_10_S = json.dumps({"chunk_s": 10})
SLOW_CHUNKS = json.dumps({"chunk_s": 10, "video": {"codec": "libx264", "crf": 24, "preset": "veryslow"}})


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    make_clip(folder / QUICK, 25)
    make_clip(folder / SLOW, 50, seed=1)
    (folder / "notes.mkv").write_text("this is no film\n" * 100)
    return folder


@pytest.fixture(scope="module")
def stack(films: Path) -> Iterator[ComposeStack]:
    stack = ComposeStack(films)
    try:
        stack.up()
        with stack.airflow() as airflow:
            # The first scheduled scan comes with the DAG itself; it would encode the film, too.
            await_that("the first scan", lambda: [run for run in airflow.recent_runs(SCAN_DAG) if run.is_over], 180, 1)
        yield stack
    finally:
        logs = stack.call("logs", "--no-color", "--tail", "60", check=False)
        print(logs.stdout)  # pytest shows it where something failed
        stack.call("down", "--volumes", "--timeout", "5", check=False)


@pytest.mark.parametrize("profile", ["", "cli", "kubernetes", "images"])
def test_the_file_is_clean(films: Path, profile: str) -> None:
    stack = ComposeStack(films)
    done = stack.call("--profile", profile, "config", "--quiet")
    assert done.stderr == ""


def test_nothing_listens_beyond_this_machine_and_no_secret_is_shown(stack: ComposeStack) -> None:
    secrets = [
        stack.call("exec", "-T", "api-server", "cat", f"{SECRETS}/{name}").stdout.strip()
        for name in ("postgres-password", "admin-password", "jwt-secret", "fernet-key", "api-secret")
    ]
    assert all(len(secret) >= 12 for secret in secrets)
    for service in stack.services():
        for published in json.loads(stack.inspect(service, "{{json .NetworkSettings.Ports}}")).values():
            assert all(port["HostIp"] == "127.0.0.1" for port in published or [])
        assert int(stack.inspect(service, "{{.HostConfig.Memory}}")) > 0
        shown = stack.inspect(service, "{{json .Config}}")
        assert not [secret for secret in secrets if secret in shown]
        if service not in ("postgres", "storage"):
            assert stack.call("exec", "-T", service, "id", "-u").stdout.strip() == "50000"
            find = "find / -xdev -type f -perm /6000 2> /dev/null || true"
            assert stack.call("exec", "-T", service, "bash", "-c", find).stdout == ""


def test_the_dags_are_read_before_anybody_can_ask_for_them(stack: ComposeStack) -> None:
    query = "select to_char(max(created_at) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS') from dag_version"
    psql = ("psql", "--username=airflow", "--dbname=airflow", "--no-align", "--tuples-only", "--command", query)
    read_at = stack.call("exec", "-T", "postgres", *psql).stdout.strip()
    assert "" < read_at <= stack.inspect("api-server", "{{.State.StartedAt}}")


def test_a_film_comes_back(stack: ComposeStack, films: Path) -> None:
    put = stack.cli("put", QUICK, "--overrides", CHUNKS_OF_10_S, "--wait").stdout
    assert f"encoded as gs://mapreel-out/{QUICK}.mkv" in put

    got = stack.cli("get", QUICK).stdout
    assert f"from gs://mapreel-out/{QUICK}.mkv" in got
    check_film(films / QUICK, films / f"{QUICK}.mkv")
    report = Report.from_json((films / f"{QUICK}.mkv.report.json").read_bytes(), "the report")
    assert len(report.chunks) == 3
    assert "is there already" in stack.cli("put", QUICK).stdout


def test_what_is_no_film_ends_with_one_line(stack: ComposeStack) -> None:
    refused = stack.cli("put", "notes.mkv", "--wait", check=False)
    assert refused.returncode == 65
    assert "gs://mapreel-in/notes.mkv: is no video" in refused.stderr.strip().splitlines()[-1]
    assert "failed: split_video: " in stack.cli("status", "notes.mkv").stdout
    missing = stack.cli("get", "notes.mkv", check=False)
    assert missing.returncode == 65
    assert "has no output yet: failed" in missing.stderr


def test_a_film_survives_restarts_and_crashes(stack: ComposeStack, films: Path) -> None:
    stack.call("up", "--detach", "--wait", "--no-recreate", "--scale", "scheduler=2")
    stack.cli("put", SLOW, "--overrides", SLOW_CHUNKS)
    with stack.airflow() as airflow:

        def run_id() -> str | None:
            runs = airflow.recent_runs(ENCODE_DAG)
            return next((r.dag_run_id for r in runs if (r.conf or {})["source"].endswith(SLOW)), None)

        def is_encoding() -> bool:
            return any(task.state == "running" for task in stack.chunks(airflow, run))

        run = await_that("the run", run_id, 120, 1)
        await_that("an encoder at work", is_encoding, 120, 1)
        stack.call("restart", "--timeout", "20")
        await_that("an encoder at work again", is_encoding, 240, 1)
        stack.crash("worker")
        for scheduler in (1, 2):
            stack.crash("scheduler", scheduler)
        stack.crash("postgres")
        await_that("the end", lambda: airflow.run(ENCODE_DAG, run).is_over, 600, 2)
        assert airflow.run(ENCODE_DAG, run).state == "success"
        assert max(chunk.try_number for chunk in stack.chunks(airflow, run)) > 1
    stack.cli("get", SLOW)
    check_film(films / SLOW, films / f"{SLOW}.mkv")


def test_down_and_up_keep_everything(stack: ComposeStack) -> None:
    password = stack.call("exec", "-T", "api-server", "cat", f"{SECRETS}/admin-password").stdout
    with stack.airflow() as airflow:
        runs = {run.dag_run_id: run.state for run in airflow.recent_runs(ENCODE_DAG)}
    assert sorted(runs.values()) == ["failed", "success", "success"]
    stack.call("down")
    stack.up()
    assert stack.call("exec", "-T", "api-server", "cat", f"{SECRETS}/admin-password").stdout == password
    listed = {line.split("  ")[0]: line for line in stack.cli("list").stdout.splitlines()}
    for film in (QUICK, SLOW):
        assert f"gs://mapreel-out/{film}.mkv" in listed[film]
        assert "encoded" in listed[film]
    assert "failed" in listed["notes.mkv"]
    with stack.airflow() as airflow:
        assert {run.dag_run_id: run.state for run in airflow.recent_runs(ENCODE_DAG)} == runs
    # A second time: every finished chunk is taken over.
    assert "done" in stack.cli("reprocess", QUICK, "--overrides", CHUNKS_OF_10_S, "--wait").stdout
