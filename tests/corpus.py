"""Runs the worker's whole path over a folder of videos: split, encode, encode-audio, merge, against a real emulator.

Keeps the outputs (same stem, the container's ending), and writes a JSON line for each file: file, outcome
(``encoded``, ``bad input`` or ``failed``), error line, report.

    python -m tests.corpus --media FOLDER --out FOLDER [--profile NAME] [--set video.codec=libx265 ...]
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from google.cloud import storage

from encoding_contract.errors import BadInput, MapreelError
from encoding_contract.job import Content, Job, ObjectAddress, Source, job_id
from encoding_contract.objects import JobObjects, job_url
from encoding_contract.profile import Profile, parse_profile
from encoding_worker.audio import encode_audio
from encoding_worker.encode import encode
from encoding_worker.merge import merge
from encoding_worker.split import split
from encoding_worker.store import Store
from encoding_worker.task import Task, load_job
from local_stack.buckets import open_storage
from tests.emulator import running_emulator

ROOT = Path(__file__).resolve().parent.parent
BUCKETS = {"in": "mapreel-in", "out": "mapreel-out", "work": "mapreel-work"}


def load_profile(name: str, overrides: dict[str, Any]) -> Profile:
    """Load one of the repository's profiles, with single fields replaced."""
    fields = yaml.safe_load((ROOT / "dags" / "profiles" / f"{name}.yaml").read_text())
    return parse_profile(name, fields, overrides)


def make_buckets() -> storage.Client:
    """Make the three buckets in the emulator of this process' environment."""
    client = open_storage(os.environ["STORAGE_EMULATOR_HOST"])
    for bucket in BUCKETS.values():
        client.create_bucket(bucket)
    return client


def freeze_job(store: Store, client: storage.Client, path: Path, profile: Profile, name: str = "") -> Job:
    """Upload a video, under its own name or another, and write its job document, as the flow does."""
    address = ObjectAddress(bucket=BUCKETS["in"], name=name or path.name)
    blob = client.bucket(address.bucket).blob(address.name)
    blob.upload_from_filename(str(path))
    blob.reload()
    content = Content(size_bytes=int(blob.size or 0), crc32c=str(blob.crc32c))
    job = Job(
        id=job_id(address, content, profile),
        source=Source(address=address, content=content, generation=int(blob.generation or 0)),
        profile=profile,
        work_bucket=BUCKETS["work"],
        output_bucket=BUCKETS["out"],
    )
    store.write(ObjectAddress(bucket=job.work_bucket, name=JobObjects(job.id).job), job.to_json())
    return job


def encode_film(path: Path, profile: Profile, target: Path | None = None) -> dict[str, Any]:
    """Take one video through all verbs; return the JSON line."""
    started = time.monotonic()
    line: dict[str, Any] = {"file": path.name, "outcome": "failed", "error": None, "report": None, "output": None}
    try:
        store = Store()
        client = open_storage(os.environ["STORAGE_EMULATOR_HOST"])
        job = freeze_job(store, client, path, profile)
        job = load_job(store, job_url(job.work_bucket, job.id))
        with tempfile.TemporaryDirectory(prefix="corpus-") as scratch:
            task = Task(store, job, JobObjects(job.id), Path(scratch))
            plan = split(task)
            for chunk in plan.chunks:
                encode(task, chunk.index)
            encode_audio(task)
            report = merge(task)
            line["report"] = json.loads(report.to_json())
            if target is not None:
                store.download(report.output, target)
                line["output"] = str(target)
        line["outcome"] = "encoded"
    except BadInput as error:
        line["outcome"], line["error"] = "bad input", " ".join(str(error).split())
    except MapreelError as error:
        line["error"] = " ".join(str(error).split())
    except Exception as error:  # a fault of ours is a line of the table, not the end of the run
        logging.debug("%s", path.name, exc_info=True)
        line["error"] = f"{type(error).__name__}: {error}"
    line["seconds"] = round(time.monotonic() - started, 2)
    return line


def _judge(program: str, source: Path, output: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, program, str(source), output, "--json"], capture_output=True, text=True)
    verdict: dict[str, Any] = json.loads(done.stdout or '{"ok": false, "fails": []}')
    faults = [f"{fail['check']}: {fail['msg']}" for fail in verdict["fails"]]
    return {"ok": verdict["ok"], "fails": faults, "notes": verdict.get("notes", [])}


def _work(arguments: tuple[Path, Profile, Path, str | None]) -> dict[str, Any]:
    path, profile, target, judge = arguments
    line = encode_film(path, profile, target)
    if judge and line["output"]:
        line["judge"] = _judge(judge, path, line["output"])
    return line


def name_outputs(films: list[Path], folder: Path, ending: str) -> list[Path]:
    """Return a file for each film's output: its stem, or its whole name where another film has the same stem."""
    targets: list[Path] = []
    for film in films:
        target = folder / f"{film.stem}.{ending}"
        targets.append(folder / f"{film.name}.{ending}" if target in targets else target)
    return targets


def parse_setting(text: str) -> dict[str, Any]:
    """Turn ``video.crf=20`` into ``{"video": {"crf": 20}}``."""
    key, _, value = text.partition("=")
    fields: Any = yaml.safe_load(value)
    for part in reversed(key.split(".")):
        fields = {part: fields}
    return dict(fields)


def merge_settings(settings: list[str]) -> dict[str, Any]:
    """Merge several settings into one mapping of overrides."""
    merged: dict[str, Any] = {}
    for setting in settings:
        for key, value in parse_setting(setting).items():
            merged[key] = {**merged.get(key, {}), **value} if isinstance(value, dict) else value
    return merged


def main() -> int:
    """Run the table; exit 1 if a file failed for a reason that is not its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=ROOT / ".mapreel" / "corpus")
    parser.add_argument("--profile", default="h264-1080p")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--judge", help="a program that takes SOURCE OUTPUT --json")
    parser.add_argument("--only", default="", help="a regular expression for names")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    overrides = merge_settings(["chunk_s=2", "damaged=tolerate", *given.settings])
    profile = load_profile(given.profile, overrides)
    given.out.mkdir(parents=True, exist_ok=True)
    films = [path for path in sorted(given.media.iterdir()) if path.is_file() and re.search(given.only, path.name)]
    os.environ.setdefault("MAPREEL_THREADS", "1")
    logging.basicConfig(level=logging.ERROR)
    with running_emulator():
        make_buckets()
        targets = name_outputs(films, given.out, profile.container.value)
        work = [(path, profile, target, given.judge) for path, target in zip(films, targets, strict=True)]
        with multiprocessing.get_context("spawn").Pool(given.jobs) as pool:
            lines = []
            for line in pool.imap(_work, work):
                lines.append(line)
                verdict = line.get("judge")
                shown = "" if verdict is None else "holds" if verdict["ok"] else "FAULTY " + "; ".join(verdict["fails"])
                print(
                    f"{line['outcome']:10} {line['seconds']:7.1f} s  {line['file'][:44]:44} {line['error'] or shown}",
                    flush=True,
                )
    with (given.out / "corpus.jsonl").open("w") as log:
        for line in lines:
            log.write(json.dumps(line, ensure_ascii=False) + "\n")
    failed = [line for line in lines if line["outcome"] == "failed" or not line.get("judge", {"ok": True})["ok"]]
    done = sum(line["outcome"] == "encoded" for line in lines)
    bad = sum(line["outcome"] == "bad input" for line in lines)
    print(f"{done} encoded, {bad} bad input, {len(failed)} failed or faulty")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
