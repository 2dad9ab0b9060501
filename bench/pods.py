"""What Airflow adds to a chunk in a pod: runs of ``encode_video`` on a real cluster, with real encoders.

Airflow runs beside the cluster, so what pods take is not in its CPU seconds. KUBECONFIG names the cluster,
MAPREEL_ENCODER_IMAGE the image on its nodes, as for the tests on a cluster.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from tests.cluster.airflow import TestStack, copy_template
from tests.cluster.conftest import NAMESPACE, OVERLAY

from bench.airflow_costs import StackMeter, await_run_end, cost_row, databases, part_figures, split_costs, yardstick
from bench.record import Figure, Findings
from bench.stage import Stage

CHUNKS = tuple(int(number) for number in os.environ.get("MAPREEL_BENCH_PODS", "10 100").split())
CHUNK_S, CLIP_S = 2, 20
PODS = 4
POD_S = 30
"""The longest that a pod takes, on average, before it is taken for one that hangs."""

_NOTES = (
    "a chunk has two processes of tasks: one makes the pod, one takes its end; each forks, parses its DAG and asks the "
    "API server for all that it does",
    "over a film of 60 chunks, when our code was not loaded in the parent yet, py-spy saw of the tasks' processes 43 % "
    "in the parse of the DAG file (25 % in imports of our modules), 8 % in requests to Kubernetes, 6 % in reading the "
    "job's documents; of the triggerer 43 % in its loop over the database, which runs each second for one pod as for "
    "a hundred, and 17 % in looks at pods, half of it for a new TLS connection each; of the scheduler 25 % in reading "
    "all task instances of the run",
    "the nodes share this machine's cores with Airflow, so the wall time is theirs, too",
)


def measure(stage: Stage) -> Findings:
    """Run films of more and more chunks, one after the other; an idle minute first, to be taken off."""
    if not {"KUBECONFIG", "MAPREEL_ENCODER_IMAGE"} <= os.environ.keys():
        raise SystemExit("bench pods: needs a cluster: set KUBECONFIG and MAPREEL_ENCODER_IMAGE")
    subprocess.run(["kubectl", "apply", "-k", str(OVERLAY)], check=True, capture_output=True)
    rows: list[dict[str, Any]] = []
    figures: list[Figure] = []
    for database, settings in databases().items():
        found = _measure(stage, stage.folder / database, settings)
        rows += [{"database": database, **row} for row in found]
        first, *_, last = found
        chunk_s, others_s = split_costs(first, last)
        name = f"Airflow's CPU for one more chunk in a pod, {database}"
        figures += [
            Figure(name=name, value=chunk_s, unit="s", must="<=", mark=1.0),
            Figure(name=f"for a film's other tasks, {database}", value=others_s, unit="s"),
            *part_figures(last, f"{last['chunks']:,}, {database}"),
            Figure(name=f"wall time of a chunk, {database}", value=last["wall_s_per_chunk"], unit="s"),
        ]
    return Findings(
        film=f"made, {', '.join(map(str, CHUNKS))} chunks of {CHUNK_S} s; {PODS} pods at a time",
        figures=(*figures, yardstick()),
        rows=tuple(rows),
        notes=_NOTES,
    )


def _measure(stage: Stage, folder: Path, database: dict[str, str]) -> list[dict[str, Any]]:
    folder.mkdir()
    settings = {"MAPREEL_NAMESPACE": NAMESPACE, "MAPREEL_PARALLELISM": f"constant: {PODS}", **database}
    stack = TestStack(folder / "home", copy_template(OVERLAY / "pod-template.yaml", folder), settings)
    clip = stage.films.made("small", CLIP_S, "160x96", 400)
    try:
        stack.up()
        meter = StackMeter(folder / "home")
        _encode(stack, clip, 1)
        idle = meter.idle()
        rows = []
        for chunks in CHUNKS:
            before = meter.spent()
            _encode(stack, stage.films.repeated(clip, chunks * CHUNK_S // CLIP_S), chunks)
            rows.append(cost_row(meter.spent().since(before), idle, chunks))
    finally:
        stack.down()
    return rows


def _encode(stack: TestStack, film: Path, chunks: int) -> None:
    chunk_s = CHUNK_S if chunks > 1 else 0
    run = stack.start(film, chunk_s=chunk_s, video={"codec": "libx264", "crf": 30, "preset": "ultrafast"})
    state = await_run_end(lambda: run.state().state, 300 + POD_S * chunks)
    made = len(run.tasks("encode_chunk"))
    if (state, made) != ("success", chunks):
        raise RuntimeError(f"{run.run_id}: ended as {state} with {made} chunks, not {chunks}")
