from __future__ import annotations

import gc
import os
import shlex
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kubernetes import client, config

from local_stack.settings import REPOSITORY
from tests.cluster.airflow import TestStack, copy_template
from tests.cluster.film import make_clip
from tests.cluster.pods import PodWatcher
from tests.waiting import await_that

OVERLAY = REPOSITORY / "deploy/kubernetes/overlays/local"
NAMESPACE = "mapreel"
SCHEDULE_TIMEOUT_S = 40


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the clients of these tests keep connections until they are collected: they live as long as the session."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for warning in ("ResourceWarning", "pytest.PytestUnraisableExceptionWarning"):
                item.add_marker(pytest.mark.filterwarnings(f"ignore::{warning}"))


@pytest.fixture(scope="session")
def core_api() -> Iterator[client.CoreV1Api]:
    if not os.environ.get("KUBECONFIG"):
        pytest.fail("these tests need a cluster: set KUBECONFIG")
    config.load_kube_config()
    api = client.CoreV1Api()
    yield api
    api.api_client.rest_client.pool_manager.clear()
    # Connections of clients without an end of their own are collected here, or pytest takes them for leaks.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session")
def namespace(core_api: client.CoreV1Api) -> str:
    subprocess.run(["kubectl", "apply", "-k", str(OVERLAY)], check=True, capture_output=True)
    return NAMESPACE


@pytest.fixture(scope="session")
def stack(namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestStack]:
    if not os.environ.get("MAPREEL_ENCODER_IMAGE"):
        pytest.fail("these tests need the encoder's image on the nodes: name it in MAPREEL_ENCODER_IMAGE")
    folder = tmp_path_factory.mktemp("stack")
    settings = {
        "MAPREEL_NAMESPACE": namespace,
        "MAPREEL_PARALLELISM": "constant: 4",
        "MAPREEL_POD_SCHEDULE_TIMEOUT_S": str(SCHEDULE_TIMEOUT_S),
        "MAPREEL_POD_LOG_INTERVAL_S": "5",
        "MAPREEL_POD_MEMORY_CAP_MIB": "2048",
    }
    stack = TestStack(folder / "home", copy_template(OVERLAY / "pod-template.yaml", folder), settings)
    stack.up()
    yield stack
    stack.down()


@pytest.fixture
def pods(core_api: client.CoreV1Api, namespace: str, stack: TestStack) -> Iterator[PodWatcher]:
    """Watches during a test, and asserts that it leaves no pod."""
    with PodWatcher(core_api, namespace) as watcher:
        yield watcher
        stack.reset_template()
        await_that("no pod left", lambda: not watcher.all(), 90)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", 30)


@pytest.fixture
def film(clip: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A film of 30 s that no other test has encoded."""
    path = tmp_path / f"{request.node.name.replace('[', '-').strip(']')}.mp4"
    path.write_bytes(clip.read_bytes())
    return path


@pytest.fixture(scope="session")
def node_switch() -> Callable[[str, str], None]:
    """Takes a node away, and brings it back: ``MAPREEL_NODE_SWITCH down|up NODE``."""
    command = os.environ.get("MAPREEL_NODE_SWITCH")
    if not command:
        pytest.skip("nobody says how to take a node away: MAPREEL_NODE_SWITCH")

    def switch(direction: str, node: str) -> None:
        subprocess.run([*shlex.split(command), direction, node], check=True, capture_output=True)

    return switch
