"""One job on the bench: its verbs in this process or as the real program, its objects, and what was published of it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from google.cloud import storage

from encoding_contract.command import Command, Verb
from encoding_contract.errors import ExitCode
from encoding_contract.job import Job
from encoding_contract.manifest import ChunkManifest
from encoding_contract.objects import JobObjects, job_url, output_name, output_stem
from encoding_contract.plan import Plan
from encoding_contract.profile import Profile
from encoding_contract.report import Report
from encoding_worker.audio import encode_audio
from encoding_worker.encode import encode
from encoding_worker.merge import merge
from encoding_worker.scratch import scratch_folder
from encoding_worker.split import split
from encoding_worker.store import Store
from encoding_worker.task import Task
from tests.corpus import freeze_job


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    status: int
    error: str
    """All of its standard error."""
    scratch: list[str]
    """What it left in its folder for temporary files."""


class Work:
    """A frozen job.

    Args:
        buckets: a client of the emulator.
        film: the source; its file name becomes the object's name.
        profile: the profile.
        folder: where files of the test go.
        name: the object's name, where it is not the file's.
    """

    def __init__(self, buckets: storage.Client, film: Path, profile: Profile, folder: Path, name: str = "") -> None:
        self.film = film
        self.folder = folder
        self.buckets = buckets
        self.store = Store()
        self.job: Job = freeze_job(self.store, buckets, film, profile, name)
        self.objects = JobObjects(self.job.id)
        self.scratch = folder / "scratch"
        self.scratch.mkdir(exist_ok=True)

    def split(self) -> Plan:
        with scratch_folder() as scratch:
            return split(self._task(scratch))

    def encode(self, chunk: int) -> None:
        with scratch_folder() as scratch:
            encode(self._task(scratch), chunk)

    def encode_audio(self) -> None:
        with scratch_folder() as scratch:
            encode_audio(self._task(scratch))

    def merge(self) -> Report:
        with scratch_folder() as scratch:
            return merge(self._task(scratch))

    def finish_chunks(self) -> Plan:
        """Do all that comes before merge."""
        plan = self.split()
        for chunk in plan.chunks:
            self.encode(chunk.index)
        self.encode_audio()
        return plan

    def _task(self, scratch: Path) -> Task:
        return Task(self.store, self.job, self.objects, scratch)

    def command(self, verb: Verb, chunk: int | None = None) -> list[str]:
        """Return the real command line of a verb."""
        url = job_url(self.job.work_bucket, self.job.id)
        argv = Command(verb=verb, job_url=url, chunk=chunk).to_argv()
        return [sys.executable, "-m", "encoding_worker", *argv[1:]]

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the environment of the real program."""
        log = self.folder / "termination-log"
        log.touch()
        return {**os.environ, "TMPDIR": str(self.scratch), "MAPREEL_TERMINATION_LOG": str(log), **settings}

    def run(self, verb: Verb, chunk: int | None = None, **settings: str) -> Ended:
        """Run a verb as the real program."""
        done = subprocess.run(
            self.command(verb, chunk),
            env=self.environment(**settings),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ended(done.returncode, done.stderr, sorted(path.name for path in self.scratch.iterdir()))

    def check_refused(self, ended: Ended, code: ExitCode, *parts: str) -> None:
        """Assert the exit code, one line of error with these parts in it, and that nothing is left or published."""
        assert ended.status == code.value, ended.error
        lines = ended.error.splitlines()
        assert len(lines) == 1, ended.error
        for part in parts:
            assert part in lines[0]
        assert (self.folder / "termination-log").read_text() == lines[0].removeprefix("mapreel: ")
        assert ended.scratch == []
        assert self.published() == []

    def write_job(self, text: str) -> None:
        """Put something else in the job document's place."""
        self.blob(self.objects.job).upload_from_string(text)

    def blob(self, name: str) -> storage.Blob:
        """Return an object of the work bucket."""
        return self.buckets.bucket(self.job.work_bucket).blob(name)

    def source_blob(self) -> storage.Blob:
        """Return the source."""
        return self.buckets.bucket(self.job.source.address.bucket).blob(self.job.source.address.name)

    def generations(self) -> dict[str, int]:
        """Return the generation of each object of the job; another means that it was written again."""
        listed = self.buckets.list_blobs(self.job.work_bucket, prefix=self.objects.prefix)
        return {blob.name: blob.generation for blob in listed}

    def contents(self) -> dict[str, bytes]:
        """Return all objects of the job."""
        listed = self.buckets.list_blobs(self.job.work_bucket, prefix=self.objects.prefix)
        return {blob.name: blob.download_as_bytes() for blob in listed}

    def restore(self, contents: dict[str, bytes]) -> None:
        """Bring the job's objects back to what they were, and take back what was published."""
        for name in self.generations().keys() - contents.keys():
            self.blob(name).delete()
        for name, content in contents.items():
            self.blob(name).upload_from_string(content)
        for name in self.published():
            self.buckets.bucket(self.job.output_bucket).blob(name).delete()

    def published(self) -> list[str]:
        """Return the names of all that was published of this source."""
        stem = output_stem(self.job.output_prefix, self.job.source.address.name)
        return [blob.name for blob in self.buckets.list_blobs(self.job.output_bucket, prefix=stem)]

    def published_metadata(self) -> dict[str, dict[str, str] | None]:
        """Return the custom metadata of all that was published of this source."""
        stem = output_stem(self.job.output_prefix, self.job.source.address.name)
        return {blob.name: blob.metadata for blob in self.buckets.list_blobs(self.job.output_bucket, prefix=stem)}

    def manifest(self, chunk: int) -> ChunkManifest:
        """Return what vouches for a chunk."""
        name = self.objects.chunk_manifest(chunk)
        return ChunkManifest.from_json(self.blob(name).download_as_bytes(), name)

    def fetch(self, name: str | None) -> Path:
        """Download an object that stands beside the film."""
        assert name is not None
        path = self.folder / "beside"
        self.buckets.bucket(self.job.output_bucket).blob(name).download_to_filename(str(path))
        return path

    def fetch_output(self) -> Path:
        """Download the published film."""
        container = self.job.profile.container
        name = output_name(self.job.output_prefix, self.job.source.address.name, container)
        path = self.folder / f"output.{container.value}"
        self.buckets.bucket(self.job.output_bucket).blob(name).download_to_filename(str(path))
        return path
