"""Starting, stopping and looking at the stack."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

from local_stack.airflow_client import AirflowClient
from local_stack.buckets import ensure_buckets, open_storage
from local_stack.environment import BUCKETS, stack_environment
from local_stack.errors import StartFailed
from local_stack.home import Home
from local_stack.keys import Keys, load_keys
from local_stack.ports import Ports, choose_ports, remembered_ports
from local_stack.programs import stack_programs
from local_stack.readiness import await_airflow, await_supervisor
from local_stack.settings import REPOSITORY, StackSettings
from local_stack.supervisor import ProgramState, Supervisor, start_supervisor, write_configuration
from local_stack.sweep import marked_processes, sweep

logger = logging.getLogger(__name__)

Tell = Callable[[str], None]
"""Is told, in a few words, what happens now."""

ENCODING_POOL = "encoding"
_STOP_TIMEOUT_S = 60
_LOCAL_SETTINGS = Path(__file__).resolve().parents[1] / "airflow_local_settings.py"


class RunningStack(BaseModel):
    """A stack that runs, and how to reach it."""

    model_config = ConfigDict(frozen=True)

    pid: int
    ports: Ports
    keys: Keys
    was_running: bool
    """Whether it ran before it was asked for."""


class Stack:
    """The stack of one home."""

    def __init__(self, settings: StackSettings) -> None:
        self.settings = settings
        self.home = Home(settings.home)

    def running(self) -> RunningStack | None:
        """Return the stack if it runs."""
        ports = remembered_ports(self.home)
        if ports is None or not self.home.keys.exists():
            return None
        keys = load_keys(self.home)
        pid = Supervisor(ports, keys).pid()
        return RunningStack(pid=pid, ports=ports, keys=keys, was_running=True) if pid else None

    def up(self, tell: Tell) -> RunningStack:
        """Start the stack, unless it runs, and wait until every part of it answers.

        Raises:
            StartFailed: it did not come up, or not in time.
        """
        with self.home.locked():
            stack = self.running() or self._start(tell)
        self._await_ready(stack, tell)
        return stack

    def down(self, tell: Tell) -> int:
        """Stop the stack, whole, whatever is left of it; return how many processes ended."""
        with self.home.locked():
            if not self.home.keys.exists():
                return 0
            keys = load_keys(self.home)
            before = len(marked_processes(keys.stack_id))
            stack = self.running()
            if stack is not None:
                tell("stopping")
                Supervisor(stack.ports, keys).shut_down()
                self._await_gone(stack.pid)
            sweep(keys.stack_id)
            self.home.supervisor_pid.unlink(missing_ok=True)
            return before

    def states(self) -> dict[str, ProgramState]:
        """Return what supervisord says of each program; nothing where it does not run."""
        stack = self.running()
        return Supervisor(stack.ports, stack.keys).states() if stack else {}

    def environment(self, stack: RunningStack) -> dict[str, str]:
        """Return the environment in which the stack's programs run."""
        return stack_environment(self.home, stack.keys, stack.ports, self.settings, os.environ)

    def _start(self, tell: Tell) -> RunningStack:
        keys = load_keys(self.home)
        if left := sweep(keys.stack_id):
            tell(f"ended {left} processes that a killed stack had left")
        ports = choose_ports(self.home, self.settings)
        environment = stack_environment(self.home, keys, ports, self.settings, os.environ)
        shutil.copyfile(_LOCAL_SETTINGS, self.home.airflow / "config" / _LOCAL_SETTINGS.name)
        self._prepare_database(environment, tell)
        write_configuration(self.home, keys, ports, stack_programs(self.home, ports))
        tell("starting Airflow and the storage emulator")
        start_supervisor(self.home, environment)
        pid = await_supervisor(Supervisor(ports, keys), self.home)
        return RunningStack(pid=pid, ports=ports, keys=keys, was_running=False)

    def _prepare_database(self, environment: Mapping[str, str], tell: Tell) -> None:
        """Make or migrate Airflow's database, unless this very lock of packages did so before."""
        stamp = self.home.airflow / "migrated-for"
        lock = (REPOSITORY / "requirements.in").read_text()
        if self.home.database.exists() and stamp.exists() and stamp.read_text() == lock:
            return
        tell("making Airflow's database")
        airflow = str(Path(sys.executable).parent / "airflow")
        done = subprocess.run(
            [airflow, "db", "migrate"], env=dict(environment), capture_output=True, text=True, check=False
        )
        if done.returncode != os.EX_OK:
            log = self.home.logs / "migrate.log"
            log.write_text(done.stdout + done.stderr)
            raise StartFailed(f"airflow db migrate failed with exit code {done.returncode}; its output is in {log}")
        with closing(sqlite3.connect(self.home.database)) as database:
            # Readers and the one writer no longer wait for each other, which is what "database is locked" comes from.
            database.execute("PRAGMA journal_mode=WAL")
        stamp.write_text(lock)

    def _await_ready(self, stack: RunningStack, tell: Tell) -> None:
        tell("waiting for Airflow")
        await_airflow(stack.ports, self.home)
        with closing(open_storage(stack.ports.storage_url)) as buckets:
            ensure_buckets(buckets, BUCKETS)
        with AirflowClient(stack.ports.airflow_url, stack.keys.admin_password) as client:
            client.ensure_pool(ENCODING_POOL, self.settings.slots, "Chunks that are encoded at the same time")

    def _await_gone(self, pid: int) -> None:
        try:
            psutil.Process(pid).wait(_STOP_TIMEOUT_S)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            logger.warning("supervisord (pid %d) did not stop in %d s; ending it", pid, _STOP_TIMEOUT_S)
