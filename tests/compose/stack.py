"""docker-compose.yaml under test: a project of its own, driven by its command line as a user drives it."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

from encoding_client.airflow_client import AirflowClient, TaskInstance
from encoding_client.tracking import ENCODE_DAG
from tests.waiting import await_that, no_scan_soon

REPOSITORY = Path(__file__).resolve().parents[2]
SECRETS = "/opt/airflow/secrets"


class ComposeStack:
    """One project."""

    def __init__(self, films: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.films = films
        self.environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": f"mapreel-test-{os.getpid()}",
            "MAPREEL_PORT_AIRFLOW": str(self.port),
            "MAPREEL_FILMS": str(films),
            "MAPREEL_USER": str(os.getuid()),
            **no_scan_soon(),
        }

    def call(self, *arguments: str, timeout_s: float = 560, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["docker", "compose", *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert not check or done.returncode == 0, f"{arguments}\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
        return done

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """``docker compose run --rm cli``, as the documentation has it."""
        return self.call("run", "--rm", "-T", "cli", *arguments, check=check)

    def up(self) -> None:
        self.call("up", "--build", "--detach", "--wait")

    def services(self) -> list[str]:
        """Return the services that run."""
        return self.call("ps", "--services", "--status", "running").stdout.split()

    def inspect(self, service: str, template: str, index: int = 1) -> str:
        container = f"{self.environment['COMPOSE_PROJECT_NAME']}-{service}-{index}"
        done = subprocess.run(
            ["docker", "inspect", "--format", template, container],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def crash(self, service: str, index: int = 1) -> None:
        """Kill all that runs in a container, with -9; it is up to its restart policy what comes then."""

        def restarts() -> int:
            return int(self.inspect(service, "{{.RestartCount}}", index))

        before = restarts()
        # It kills the shell that kills, too.
        self.call("exec", "-T", "--index", str(index), service, "bash", "-c", "kill -9 -1", check=False)
        await_that(f"{service} {index} comes back", lambda: restarts() > before, 60)

    def airflow(self) -> AirflowClient:
        password = self.call("exec", "-T", "api-server", "cat", f"{SECRETS}/admin-password").stdout.strip()
        # All containers start at once after a restart, on two cores perhaps.
        return AirflowClient(f"http://127.0.0.1:{self.port}", password, patience_s=300)

    def chunks(self, airflow: AirflowClient, run_id: str) -> list[TaskInstance]:
        return [task for task in airflow.task_instances(ENCODE_DAG, run_id) if task.task_id == "encode_chunk"]
