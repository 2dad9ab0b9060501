"""The folder that holds everything the stack keeps, and where each thing lies in it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OWNER_ONLY_FOLDER = 0o700


class Home:
    """The layout of ``MAPREEL_HOME``."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.airflow = self.root / "airflow"
        self.database = self.airflow / "airflow.db"
        self.task_logs = self.airflow / "logs"
        self.storage = self.root / "buckets"
        self.logs = self.root / "logs"
        self.demo = self.root / "demo"
        self.keys = self.root / "keys.json"
        self.ports = self.root / "ports.json"
        self.passwords = self.root / "airflow-passwords.json"
        self.supervisor_conf = self.root / "supervisord.conf"
        self.supervisor_pid = self.root / "supervisord.pid"
        self._lock = self.root / "lock"

    def create(self) -> None:
        """Make the folders that are missing, for the owner's eyes only."""
        self.root.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
        for folder in (self.airflow, self.airflow / "config", self.storage, self.logs, self.demo):
            folder.mkdir(exist_ok=True)

    def task_log(self, dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int) -> Path:
        """Return where Airflow keeps the log of one try of a task instance (``[logging] log_filename_template``)."""
        folder = self.task_logs / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        return (folder if map_index < 0 else folder / f"map_index={map_index}") / f"attempt={try_number}.log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the home for one start or stop; a second caller waits."""
        self.create()
        with self._lock.open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
