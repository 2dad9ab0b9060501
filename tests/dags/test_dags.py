"""Every DAG file imports clean and says of itself what a stranger needs."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from tests.airflow_home import DAGS, REPOSITORY

from airflow.dag_processing.dagbag import BundleDagBag  # isort: skip
from airflow.sdk import DAG  # isort: skip
from encoding_flow.names import OWNER, Pool, Tag, TaskId  # isort: skip

FILES = sorted(path.stem for path in DAGS.glob("*.py"))


@pytest.fixture(scope="module")
def bag() -> BundleDagBag:
    return BundleDagBag(dag_folder=str(DAGS), bundle_path=DAGS, bundle_name="dags-folder")


@pytest.fixture
def encode(bag: BundleDagBag) -> DAG:
    return bag.dags["encode_video"]


def test_each_file_imports_clean_and_holds_the_dag_of_its_name(bag: BundleDagBag) -> None:
    assert bag.import_errors == {}
    assert sorted(bag.dags) == FILES


@pytest.mark.parametrize("name", FILES)
def test_each_says_what_it_makes_and_what_to_do_when_it_is_red(bag: BundleDagBag, name: str) -> None:
    dag = bag.dags[name]
    assert dag.doc_md
    for word in ("**Makes**", "**Order:**", "**Input:**", "**Output:**", "**When it is red:**"):
        assert word in dag.doc_md, f"{name}: {word} is missing"
    assert dag.description
    assert set(dag.tags) <= {tag.value for tag in Tag}
    assert dag.tags
    assert dag.catchup is False


@pytest.mark.parametrize("name", FILES)
def test_each_task_has_owner_retries_backoff_timeout_and_a_verb_in_its_name(bag: BundleDagBag, name: str) -> None:
    for task in bag.dags[name].tasks:
        assert task.owner == OWNER
        assert task.retries >= 1, task.task_id
        assert task.retry_exponential_backoff, task.task_id
        assert task.execution_timeout > timedelta(0), task.task_id
        assert "_" in task.task_id


@pytest.mark.parametrize("name", FILES)
def test_each_param_is_described_and_typed(bag: BundleDagBag, name: str) -> None:
    for key in bag.dags[name].params:
        param = bag.dags[name].params.get_param(key)
        assert param.schema["type"], key
        assert param.schema["title"], key
        assert param.description, key


def test_the_shape_of_encode_video(encode: DAG) -> None:
    downstream = {task.task_id: task.downstream_task_ids for task in encode.tasks}
    assert downstream[TaskId.PREPARE] >= {TaskId.SPLIT}
    assert downstream[TaskId.SPLIT] == {TaskId.LIST_CHUNKS, TaskId.ENCODE_AUDIO}
    assert downstream[TaskId.LIST_CHUNKS] == {TaskId.ENCODE_CHUNK}
    assert downstream[TaskId.ENCODE_CHUNK] == {TaskId.MERGE}
    assert downstream[TaskId.ENCODE_AUDIO] == {TaskId.MERGE}
    assert downstream[TaskId.MERGE] == {TaskId.ANNOUNCE}
    assert downstream[TaskId.ANNOUNCE] == set()


def test_chunks_are_mapped_shown_by_their_time_and_limited_by_the_pool(encode: DAG) -> None:
    chunk = encode.get_task(TaskId.ENCODE_CHUNK)
    assert chunk.is_mapped
    assert chunk.map_index_template == "{{ task.chunk_label }}"
    assert chunk.pool == Pool.ENCODING
    assert not any(task.is_mapped for task in encode.tasks if task is not chunk)


def test_the_profiles_found_can_be_chosen(encode: DAG) -> None:
    schema = encode.params.get_param("profile").schema
    assert schema["enum"] == sorted(path.stem for path in (DAGS / "profiles").glob("*.yaml"))


def test_scans_have_intervals_that_a_backfill_can_use(bag: BundleDagBag) -> None:
    dag = bag.dags["scan_videos"]
    assert type(dag.timetable).__name__ == "CronDataIntervalTimetable"
    assert dag.max_active_runs == 1
    assert dag.get_task(TaskId.START_RUNS).partial_kwargs["skip_when_already_exists"] is True


def test_parsing_loads_neither_a_bucket_client_nor_the_kubernetes_provider() -> None:
    """Each process of a task parses its DAG file, so what that imports is paid for by every task."""
    program = (
        "import sys, runpy\n"
        f"[runpy.run_path(path) for path in {[str(path) for path in DAGS.glob('*.py')]!r}]\n"
        "heavy = {'google.cloud.storage', 'kubernetes', 'airflow.providers.cncf.kubernetes.operators.pod'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=REPOSITORY / "plugins"
    )
    assert found.stdout.strip().splitlines()[-1] == "[]"


def test_airflow_does_not_load_our_packages_as_plugins() -> None:
    """Airflow runs each .py below plugins/ under its bare stem: a second copy of each class (3.3.2)."""
    ignored = (REPOSITORY / "plugins" / ".airflowignore").read_text(encoding="utf-8").split()
    packages = {path.parent.name for path in (REPOSITORY / "plugins").glob("*/__init__.py")}
    assert packages <= set(ignored)


def test_a_bucket_that_tells_of_new_objects_starts_scans_beside_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPREEL_EVENTS", "projects/p/subscriptions/s")
    bag = BundleDagBag(dag_folder=str(DAGS / "scan_videos.py"), bundle_path=DAGS, bundle_name="dags-folder")
    assert bag.import_errors == {}
    timetable = bag.dags["scan_videos"].timetable
    assert type(timetable.timetable).__name__ == "CronDataIntervalTimetable"
    (asset,) = timetable.asset_condition.objects
    assert [watcher.trigger.subscription for watcher in asset.watchers] == ["projects/p/subscriptions/s"]
