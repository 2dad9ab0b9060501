"""Takes the place of the worker's program: the same command line, documents and exit codes, and no ffmpeg.

A film is a JSON text: ``{"chunks": 3, "encode_s": 0.1, "gate": null, "is_bad": false}``; its encoders wait until the
object that ``gate`` names is there. Every call is noted in a file, so that a test can tell what was made and what was
kept.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from types import FrameType
from urllib.parse import quote, urlsplit

from encoding_contract.errors import ExitCode
from encoding_contract.job import Job
from encoding_contract.objects import JobObjects, output_name, parse_job_url, report_name
from encoding_contract.plan import Chunk, CutMethod, Plan, VideoTrack, digest_pts
from encoding_contract.report import publication_metadata

FRAMES = 20


class Store:
    """The emulator over plain HTTP: the client's import would cost each call a second."""

    def __init__(self) -> None:
        self._address = urlsplit(os.environ["STORAGE_EMULATOR_HOST"]).netloc

    def read(self, bucket: str, name: str) -> bytes | None:
        """Return an object's bytes, or None."""
        status, body = self._ask("GET", f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}?alt=media")
        return body if status == 200 else None

    def write(self, bucket: str, name: str, text: str, metadata: Mapping[str, str] | None = None) -> None:
        """Write an object."""
        facts = json.dumps({"name": name, "metadata": dict(metadata or {})})
        parts = "".join(f"--x\r\nContent-Type: application/json\r\n\r\n{part}\r\n" for part in (facts, text))
        status, body = self._ask("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart", f"{parts}--x--")
        assert status == 200, body

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        connection = HTTPConnection(self._address, timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": "multipart/related; boundary=x"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


class PaperWorker:
    """One call of the program."""

    def __init__(self, verb: str, url: str, chunk: int | None) -> None:
        self.verb, self.chunk = verb, chunk
        self.store = Store()
        self.bucket, job = parse_job_url(url)
        self.names = JobObjects(job)
        self.job = Job.from_json(self.store.read(self.bucket, self.names.job) or b"", url)
        address = self.job.source.address
        self.film = json.loads(self.store.read(address.bucket, address.name) or b"null")
        signal.signal(signal.SIGTERM, self.stop)

    def run(self) -> None:
        """Do what the verb says."""
        if self.film.get("is_bad"):
            self.note("refused")
            Path(os.environ["MAPREEL_TERMINATION_LOG"]).write_text("it is no video", encoding="utf-8")
            sys.exit(ExitCode.BAD_INPUT)
        match self.verb:
            case "split":
                self.leave(self.names.plan, self.plan().to_json())
            case "encode":
                assert self.chunk is not None
                self.leave(self.names.chunk_manifest(self.chunk), "{}", float(self.film.get("encode_s", 0)))
            case "encode-audio":
                self.leave(self.names.audio_manifest, "{}")
            case _:
                self.publish()

    def leave(self, name: str, text: str, work_s: float = 0) -> None:
        """Make a result, unless it stands."""
        if self.store.read(self.bucket, name) is not None:
            self.note("kept")
            return
        if work_s or self.film.get("gate"):
            self.note("began")
            time.sleep(work_s)
        while self.verb == "encode" and not self.is_gate_open():
            time.sleep(0.2)
        self.store.write(self.bucket, name, text)
        self.note("made")

    def is_gate_open(self) -> bool:
        """Tell whether the object is there that a film may wait for."""
        gate = self.film.get("gate")
        return gate is None or self.store.read(self.job.source.address.bucket, gate) is not None

    def publish(self) -> None:
        """Write the output, if every chunk of the plan stands."""
        plan = Plan.from_json(self.store.read(self.bucket, self.names.plan) or b"", "plan")
        manifests = [self.names.chunk_manifest(chunk.index) for chunk in plan.chunks]
        assert all(self.store.read(self.bucket, manifest) for manifest in manifests), manifests
        name = output_name(self.job.output_prefix, self.job.source.address.name, self.job.profile.container)
        self.store.write(self.job.output_bucket, name, f"{len(plan.chunks)} chunks", publication_metadata(self.job))
        self.store.write(self.job.output_bucket, report_name(name), "{}")
        self.note("made")

    def plan(self) -> Plan:
        """Return a plan of as many chunks as the film says,."""
        count = int(self.film["chunks"])
        starts = [index * FRAMES for index in range(count)]
        track = VideoTrack(
            stream=0,
            time_base="1/10",
            width=16,
            height=16,
            pixel_format="yuv420p",
            frame_rate="10/1",
            frames=count * FRAMES,
            first_pts=0,
            end_pts=count * FRAMES,
            cut=CutMethod.PTS,
        )
        chunks = tuple(
            Chunk(
                index=index,
                track=0,
                first_frame=start,
                frames=FRAMES,
                start_pts=start,
                end_pts=start + FRAMES,
                pts_digest=digest_pts(range(start, start + FRAMES)),
            )
            for index, start in enumerate(starts)
        )
        return Plan(
            job_id=self.job.id,
            container="paper",
            duration_us=count * 2_000_000,
            streams=(),
            tracks=(track,),
            chunks=chunks,
            splitter="paper",
        )

    def note(self, outcome: str) -> None:
        """Write down what became of the call."""
        entry = [self.job.source.address.name, self.verb, self.chunk, outcome]
        with Path(os.environ["PAPER_NOTES"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        print(*entry, flush=True)

    def stop(self, number: int, frame: FrameType | None) -> None:
        """End as the worker does when it is asked to."""
        self.note("stopped")
        sys.exit(ExitCode.TRANSIENT)


if __name__ == "__main__":
    words = sys.argv[1:]
    PaperWorker(words[0], words[2], int(words[4]) if len(words) > 3 else None).run()
