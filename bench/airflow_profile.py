"""Where Airflow's CPU goes while it takes a film through: py-spy looks fifty times a second at all its programs.

Looks at the middle of a film, at two lengths, in the local runtime and, where KUBECONFIG names a cluster, with pods as
in the experiment ``pods``. What a program waits in is left out, so the shares are of its CPU time as far as Python
knows of it.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from tests.waiting import await_that

from bench.airflow_costs import DATABASE_VARIABLE, PARTS, TASKS, StackMeter, paper_stack
from bench.looks import record
from bench.pods import paper_pods, start_film
from bench.record import Figure, Findings
from bench.stage import Stage

CHUNKS = tuple(int(number) for number in os.environ.get("MAPREEL_BENCH_LOOK", "100 1000").split())
START_S = 300
LOOK_S = int(os.environ.get("MAPREEL_BENCH_LOOK_S", "60"))
RATE_HZ = 50
SHOWN = 10.0
"""The least share, in per cent, that has a line of its own on the page."""

_WAITS = re.compile(
    r"(\w+\.)*(select|poll|wait|accept|sleep|read|recv|_recv|recv_into|readinto|_worker|_wait_for_tstate_lock|"
    r"_read_frame|recv_bytes|_recv_bytes|acquire|pause) \("
)
"""The innermost function of what waits: for a socket, a child, a lock or the time."""
_ELSE = "all else"
KINDS: dict[str, dict[str, str]] = {
    TASKS: {
        "the parse of the DAG file": "BundleDagBag",
        "questions to the API server": r"sdk/api/client\.py|sdk/execution_time/comms\.py|request_handlers\.py",
        "the job's documents": r"pod_work\.py|pod_size\.py",
        "requests to Kubernetes": r"kubernetes/(client|hooks|kube_client|config)|pod_claim\.py",
        "templates": "render_template",
        "checking the run's parameters": r"definitions/param\.py",
        "its worker": r"encoding_flow/(child|local)\.py",
        "beginning and end of its processes": r"_fork_main|WatchedSubprocess|supervisor\.py",
    },
    "the scheduler": {
        "reading all task instances of the run": "fetch_task_instances",
        "choosing tasks for free slots": "_executable_task_instances_to_queued|_critical_section",
        "what the executor tells": r"process_executor_events|executors/",
        "the rest of a run's round": "_schedule_dag_run|_schedule_all_dag_runs",
    },
    "the API server": {
        "SQL": r"sqlalchemy/|aiosqlite|asyncpg|psycopg",
        "checking tokens": r"jwt/|auth/tokens\.py",
        "the rest of an answer": r"_api/routes/",
        "carrying requests (uvicorn, Starlette, FastAPI, Cadwyn)": r"uvicorn/|anyio/|asyncio/|starlette/",
    },
    "the triggerer": {
        "connections to Kubernetes": r"sslproto\.py|ApiClient\.__init__|pod_connection\.py|_load_config",
        "looks at pods": r"get_pod|read_pod|watch_pod_events",
        "ends of pods": r"_finish|print_log|read_logs",
        "its loop over the database": r"TriggerRunnerSupervisor\.run |submit_event|provide_session",
    },
    "the DAG processor": {
        "processes that read a DAG file": "_fork_main",
        "callbacks of ended tasks": "fetch_callbacks|_add_callback",
        "the rest of its loop": "_run_parsing_loop",
    },
}
"""Of each part of the stack, what it may be at: the first pattern that is found in a look's frames names it."""


def measure(stage: Stage) -> Findings:
    """Look at films of two lengths, each from its first chunk on, and stop them then."""
    rows = [row for chunks in CHUNKS for row in _local(stage, chunks)]
    if "KUBECONFIG" in os.environ:
        rows += [row for chunks in CHUNKS for row in _pods(stage, chunks)]
    return Findings(
        film=f"paper, {' and '.join(f'{chunks:,}' for chunks in CHUNKS)} chunks, {LOOK_S} s of each",
        figures=tuple(
            Figure(
                name=f"{row['runtime']}, {row['chunks']:,} chunks, {row['part']}: {row['kind']}",
                value=row["share"],
                unit="%",
            )
            for row in rows
            if row["share"] >= SHOWN and row["kind"] != _ELSE
        ),
        rows=tuple(rows),
        notes=(f"shares below {SHOWN:g} % stand in the record",),
    )


def _local(stage: Stage, chunks: int) -> list[dict[str, Any]]:
    with paper_stack(stage.folder / f"local {chunks}", MAPREEL_PARALLELISM="constant: 8", **_database()) as stack:
        film = f"film-{chunks}.mkv"
        stack.start(film, chunks)
        await_that("chunks", lambda: any(call.verb == "encode" for call in stack.mapreel.calls(film)), START_S)
        return _look_at(stack, "local", chunks)


def _pods(stage: Stage, chunks: int) -> list[dict[str, Any]]:
    folder = stage.folder / f"pods {chunks}"
    with paper_pods(folder, **_database()) as stack:
        run = start_film(stack, folder, chunks)
        await_that("chunks", lambda: any(task.state == "success" for task in run.tasks("encode_chunk")), START_S)
        return _look_at(StackMeter(folder / "home"), "pods", chunks)


def _database() -> dict[str, str]:
    url = os.environ.get(DATABASE_VARIABLE)
    return {"MAPREEL_DATABASE_URL": url} if url else {}


def _look_at(stack: StackMeter, runtime: str, chunks: int) -> list[dict[str, Any]]:
    looks: dict[str, Counter[str]] = {part: Counter() for part in KINDS}
    for program, found in _record(stack).items():
        for line in found.read_text().splitlines():
            frames, _, count = line.rpartition(" ")
            part, kind = name_look(program, frames)
            if not is_wait(frames):
                looks[part][kind] += int(count)
    return [
        {
            "runtime": runtime,
            "chunks": chunks,
            "part": part,
            "kind": kind,
            "looks": count,
            "share": round(100 * count / kinds.total(), 1),
        }
        for part, kinds in looks.items()
        for kind, count in kinds.most_common()
    ]


def _record(stack: StackMeter) -> dict[str, Path]:
    """Look at each program of Airflow's, with its children, and return what was seen, in py-spy's raw format."""
    folder = stack.home / "looks"
    folder.mkdir()
    looking = {}
    for part, process in stack.programs().items():
        file = folder / f"{part}.txt"
        whom = ["--pid", str(process.pid), "--subprocesses", "--duration", str(LOOK_S)]
        argv = record(file, RATE_HZ, "--function", *whom)
        looking[part] = (file, subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
    for part, (file, looker) in looking.items():
        _, said = looker.communicate(timeout=LOOK_S + 60)
        if not file.exists():
            raise RuntimeError(f"py-spy saw nothing of {part}: {said}")
    return {part: file for part, (file, _) in looking.items()}


def name_look(program: str, frames: str) -> tuple[str, str]:
    """Return the part of the stack that a look belongs to, and what it was at.

    Args:
        program: the part whose program, or child, was looked at.
        frames: the processes and functions, the outermost first, as in py-spy's raw format.
    """
    part = TASKS if any(f'"{word}' in frames for word in PARTS[TASKS]) else program
    return part, next((kind for kind, pattern in KINDS[part].items() if re.search(pattern, frames)), _ELSE)


def is_wait(frames: str) -> bool:
    """Tell whether the innermost function only waits; py-spy counts some of these as work."""
    return _WAITS.match(frames.rpartition(";")[2]) is not None
