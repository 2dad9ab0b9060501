"""What an experiment stands on: an emulator of the buckets, a folder, films, and jobs whose verbs are measured."""

from __future__ import annotations

import compileall
import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import psutil
from google.cloud import storage
from tests.corpus import load_profile, make_buckets
from tests.emulator import running_emulator
from tests.worker.work import Work

from bench.films import FilmShelf
from bench.meter import Cost, measure_program
from encoding_contract.command import Verb
from encoding_contract.manifest import ChunkManifest
from encoding_contract.plan import Plan

REPOSITORY = Path(__file__).resolve().parent.parent
KEPT = Path(os.environ.get("MAPREEL_HOME", REPOSITORY / ".mapreel")) / "bench"
"""Made films stay here from one run to the next."""


@dataclass(frozen=True)
class Stage:
    """Where experiments are made."""

    folder: Path
    films: FilmShelf
    buckets: storage.Client
    emulator: psutil.Process

    def freeze(self, film: Path, **overrides: Any) -> MeasuredJob:
        """Upload a film and freeze its job under the default profile with single fields replaced."""
        folder = Path(mkdtemp(dir=self.folder))
        return MeasuredJob(Work(self.buckets, film, load_profile("h264-1080p", overrides), folder), self.emulator)


@dataclass(frozen=True)
class MeasuredJob:
    """A job whose verbs run as the real program, and are measured."""

    work: Work
    emulator: psutil.Process

    def run(self, verb: Verb, chunk: int | None = None, **settings: str) -> Cost:
        """Run a verb."""
        return self._measured(self.work.command(verb, chunk), self.work.environment(**settings), self.work.scratch)

    def carry(self, sources: list[str]) -> Cost:
        """Fetch objects, join them where they are many, and put the result, as a script would."""
        target = f"gs://{self.work.job.work_bucket}/carried"
        return self._measured([sys.executable, "-m", "bench.carrying", str(self.work.folder), target, *sources])

    def _measured(
        self, argv: list[str], environment: dict[str, str] | None = None, scratch: Path | None = None
    ) -> Cost:
        before = _cpu_s(self.emulator)
        cost = measure_program(argv, environment, scratch)
        return replace(cost, emulator_cpu_s=_cpu_s(self.emulator) - before)

    def forget_results(self) -> None:
        """Delete all that the verbs have left."""
        for name in self.work.generations():
            if name != self.work.objects.job:
                self.work.blob(name).delete()

    def forget_chunk(self, index: int) -> None:
        """Delete a chunk's manifest and film, as one that was never encoded."""
        for name in (self.work.objects.chunk_manifest(index), self.work.objects.chunk_video(index)):
            blob = self.work.blob(name)
            if blob.exists():
                blob.delete()

    def manifest(self, index: int) -> ChunkManifest:
        """Return an encoded chunk's manifest."""
        name = self.work.objects.chunk_manifest(index)
        return ChunkManifest.from_json(self.work.blob(name).download_as_bytes(), name)

    def plan(self) -> Plan:
        """Return the plan that split left."""
        return Plan.from_json(self.work.blob(self.work.objects.plan).download_as_bytes(), "plan")


@contextmanager
def open_stage() -> Iterator[Stage]:
    """Start an emulator with its buckets; all that was put in goes at the end, made films stay."""
    KEPT.mkdir(parents=True, exist_ok=True)
    # As in the image: else each start of a verb would compile its packages where Python may not keep what it compiled.
    ours = (REPOSITORY / folder for folder in ("dags", "plugins", "images/encoder"))
    for packages in (Path(sysconfig.get_path("purelib")), *ours):
        compileall.compile_dir(packages, quiet=2)
    with TemporaryDirectory(prefix="mapreel-bench-") as folder, running_emulator() as server:
        assert server._process is not None
        yield Stage(Path(folder), FilmShelf(KEPT), make_buckets(), psutil.Process(server._process.pid))


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
