"""Starting, stopping and looking at the stack."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

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

MIGRATED_FOR, POOL_FOR = "migrated-for", "pool-for"
"""Files beside the database that say for what it was prepared."""

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

    def prepare(self, tell: Tell) -> None:
        """Make Airflow's database and start nothing; the first start does it where it was not done.

        Raises:
            StartFailed: one of Airflow's commands failed.
        """
        with self.home.locked():
            keys, ports = load_keys(self.home), choose_ports(self.home, self.settings)
            self._prepare_database(stack_environment(self.home, keys, ports, self.settings, os.environ), tell)

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
        """Make or migrate Airflow's database, unless it was done before for this lock of packages."""
        lock = (REPOSITORY / "requirements.in").read_text()
        if not self._is_done(MIGRATED_FOR, lock):
            tell("making Airflow's database")
            airflow = str(Path(sys.executable).parent / "airflow")
            self._run([airflow, "db", "migrate"], environment)
            if self.settings.database_url is None:
                with closing(sqlite3.connect(self.home.database)) as database:
                    # Readers and the one writer no longer wait for each other: "database is locked" comes from that.
                    database.execute("PRAGMA journal_mode=WAL")
            self._mark_done(MIGRATED_FOR, lock)
        # Only where the wish has changed, or what is counted for it: slots that were set by hand in the UI stay.
        wish = f"{self.settings.runtime}\n{environment.get('MAPREEL_PARALLELISM', '')}"
        if not self._is_done(POOL_FOR, wish):
            tell("setting the pool of encoders")
            self._run([sys.executable, "-m", "encoding_flow.pool"], environment)
            self._mark_done(POOL_FOR, wish)

    def _is_done(self, what: str, for_what: str) -> bool:
        stamp = self.home.airflow / what
        is_there = self.settings.database_url is not None or self.home.database.exists()
        return is_there and stamp.exists() and stamp.read_text() == self._stamp(for_what)

    def _mark_done(self, what: str, for_what: str) -> None:
        (self.home.airflow / what).write_text(self._stamp(for_what))

    def _stamp(self, for_what: str) -> str:
        """Another database has nothing of it; and no password belongs into a file."""
        url = self.settings.database_url
        return for_what if url is None else f"{sha256(url.get_secret_value().encode()).hexdigest()}\n{for_what}"

    def _run(self, command: list[str], environment: Mapping[str, str]) -> None:
        done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
        if done.returncode != os.EX_OK:
            log = self.home.logs / "prepare.log"
            log.write_text(done.stdout + done.stderr)
            said = " ".join(done.stderr.strip().splitlines()[-1:])
            raise StartFailed(f"{shlex.join(command[1:])}: exit code {done.returncode}: {said}; its output is in {log}")

    def _await_ready(self, stack: RunningStack, tell: Tell) -> None:
        tell("waiting for Airflow")
        await_airflow(stack.ports, Supervisor(stack.ports, stack.keys), self.home)
        with closing(open_storage(stack.ports.storage_url)) as buckets:
            ensure_buckets(buckets, BUCKETS)

    def _await_gone(self, pid: int) -> None:
        try:
            psutil.Process(pid).wait(_STOP_TIMEOUT_S)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            logger.warning("supervisord (pid %d) did not stop in %d s; ending it", pid, _STOP_TIMEOUT_S)
