"""What a task's process need not import, as the process that it is forked from has it already."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.airflow_home import DAGS, REPOSITORY

SCRIPT = """
import json, runpy, sys
from encoding_contract.model import Document
from importlib.util import module_from_spec, spec_from_file_location
import airflow.executors.local_executor, airflow.jobs.scheduler_job_runner
settings, dag = sys.argv[2:]
if settings:
    runpy.run_path(settings)
before = set(sys.modules)
spec = spec_from_file_location("dag", dag)
spec.loader.exec_module(module_from_spec(spec))
kinds = [Document]
for kind in kinds:
    kinds += kind.__subclasses__()
unbuilt = [kind.__name__ for kind in kinds if not kind.__pydantic_complete__]
print(json.dumps([sorted(set(sys.modules) - before), unbuilt]))
"""


@pytest.mark.parametrize("runtime", ["local", "kubernetes"])
def test_a_task_imports_and_builds_next_to_nothing(runtime: str) -> None:
    imported, unbuilt = read_dag(runtime, REPOSITORY / "deploy/local/airflow_local_settings.py")
    assert len(imported) <= 3
    assert unbuilt == []
    imported, unbuilt = read_dag(runtime, None)
    assert len(imported) > 20
    assert "Job" in unbuilt


def read_dag(runtime: str, settings: Path | None) -> tuple[list[str], list[str]]:
    """Return what the DAG that has most tasks imports in a scheduler's child, and what documents it must yet build."""
    argv = [sys.executable, "-c", SCRIPT, "scheduler", str(settings or ""), str(DAGS / "encode_video.py")]
    done = subprocess.run(
        argv, env={**os.environ, "MAPREEL_RUNTIME": runtime}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    imported, unbuilt = json.loads(done.stdout.splitlines()[-1])
    return imported, unbuilt
