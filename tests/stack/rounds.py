"""One film on a real stack that something happens to: put in, followed without help, judged."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import psutil
from google.api_core.exceptions import GoogleAPIError
from requests import RequestException

from encoding_client.airflow_client import ApiRefused, DagRun
from encoding_contract.objects import output_name, output_stem
from encoding_contract.profile import Container
from local_stack.environment import INPUT_BUCKET, OUTPUT_BUCKET, WORK_BUCKET
from tests.real_stack import RealStack
from tests.stack.killing import Killer, kind_of
from tests.worker.films import CLOSED_GOP, H264, Recipe
from tests.worker.looks import check_frames, check_sound

ROUND_S = 900
TIDY_S = 60
"""How long what was orphaned may take to go."""

TWELVE_SECONDS = Recipe(
    "numbered.mp4",
    (*H264, "-bf", "3", "-x264-params", f"{CLOSED_GOP}:open-gop=1:b-pyramid=normal"),
    rate="15",
    frames=180,
)


class Round:
    """One film on a stack whose processes are killed."""

    def __init__(self, stack: RealStack, film: Path, name: str) -> None:
        self._stack, self._film, self._name = stack, film, name
        self._finished: dict[str, int] = {}
        """The manifests that were seen, each with its generation."""

    def begin(self) -> None:
        """Put the film into the input bucket, and tell Airflow of it; where that is lost, the next scan finds it."""
        with closing(self._stack.storage()) as buckets:
            buckets.bucket(INPUT_BUCKET).blob(self._name).upload_from_filename(str(self._film))
        with self._stack.airflow() as airflow:
            airflow.trigger("scan_videos", {})

    def start_run(self) -> None:
        """Start another run of the film's job by hand."""
        with self._stack.airflow() as airflow:
            airflow.trigger("encode_video", {"source": f"gs://{INPUT_BUCKET}/{self._name}"})

    def follow(self, killer: Killer | None, runs: int) -> list[DagRun]:
        """Start the stack where it was killed, and do nothing else, until so many runs are over; return them."""
        deadline = time.monotonic() + ROUND_S
        while True:
            assert time.monotonic() < deadline, f"{self._name}: no end within {ROUND_S} s"
            time.sleep(2)  # each look costs the API server some of what the film needs
            if not self._stack.ensure_running():
                continue
            with suppress(GoogleAPIError, RequestException):
                self._check_nothing_is_made_twice()
            with suppress(ApiRefused):
                found = self._runs()
                if (killer is None or killer.is_done) and len(found) >= runs and all(run.is_over for run in found):
                    return found

    def _runs(self) -> list[DagRun]:
        source = f"gs://{INPUT_BUCKET}/{self._name}"
        with self._stack.airflow(patience_s=5) as airflow:
            return [run for run in airflow.recent_runs("encode_video") if (run.conf or {}).get("source") == source]

    def _check_nothing_is_made_twice(self) -> None:
        with closing(self._stack.storage()) as buckets:
            for blob in buckets.list_blobs(WORK_BUCKET):
                if blob.name.endswith(("manifest.json", "audio.json", "plan.json")):
                    first = self._finished.setdefault(blob.name, blob.generation)
                    assert blob.generation == first, f"{blob.name} was made twice"

    def why_failed(self, run: DagRun) -> str:
        """Return the last line of each failed task's log."""
        with self._stack.airflow() as airflow:
            failed = [task for task in airflow.task_instances("encode_video", run.dag_run_id) if task.state == "failed"]
            events = [airflow.log_events("encode_video", run.dag_run_id, task) for task in failed]
        return "; ".join(str(lines[-1]["event"]) for lines in events if lines)

    def published(self) -> list[str]:
        """Return the names of all that was published of the film."""
        with closing(self._stack.storage()) as buckets:
            return [blob.name for blob in buckets.list_blobs(OUTPUT_BUCKET, prefix=output_stem("", self._name))]

    def judge(self, folder: Path) -> None:
        """Hold what was published against the source."""
        output = folder / "output.mp4"
        with closing(self._stack.storage()) as buckets:
            name = output_name("", self._name, Container.MP4)
            buckets.bucket(OUTPUT_BUCKET).blob(name).download_to_filename(str(output))
        if judge := os.environ.get("MAPREEL_JUDGE"):
            said = subprocess.run(
                [sys.executable, judge, str(self._film), str(output)], capture_output=True, text=True, check=False
            )
            assert said.returncode == 0, said.stdout + said.stderr
        else:
            check_frames(self._film, output)
            check_sound(self._film, output)

    def check_tidy(self) -> None:
        """Assert that no process and no scratch is left beside the stack's own."""
        deadline = time.monotonic() + TIDY_S
        while left := self._stray_processes() + self._stack.scratch_folders():
            assert time.monotonic() < deadline, left
            time.sleep(1)

    def _stray_processes(self) -> list[str]:
        root = psutil.Process(self._stack.running.pid)
        stacks_own = {root, *root.children(recursive=True)}
        return [
            f"{kind}: {process}"
            for process in self._stack.processes()
            if (kind := kind_of(process)) in ("ffmpeg", "worker") or process not in stacks_own
        ]
