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

from bench.airflow_costs import StackMeter, cost_row, part_figures, split_costs, yardstick
from bench.record import Figure, Findings
from bench.stage import Stage

CHUNKS = tuple(int(number) for number in os.environ.get("MAPREEL_BENCH_PODS", "10 100").split())
CHUNK_S, CLIP_S = 2, 20
PODS = 4
POD_S = 30
"""The longest that a pod takes, on average, before it is taken for one that hangs."""


def measure(stage: Stage) -> Findings:
    """Run films of more and more chunks, one after the other; an idle minute first, to be taken off."""
    if not {"KUBECONFIG", "MAPREEL_ENCODER_IMAGE"} <= os.environ.keys():
        raise SystemExit("bench pods: needs a cluster: set KUBECONFIG and MAPREEL_ENCODER_IMAGE")
    subprocess.run(["kubectl", "apply", "-k", str(OVERLAY)], check=True, capture_output=True)
    home = stage.folder / "home"
    settings = {"MAPREEL_NAMESPACE": NAMESPACE, "MAPREEL_PARALLELISM": f"constant: {PODS}"}
    stack = TestStack(home, copy_template(OVERLAY / "pod-template.yaml", stage.folder), settings)
    try:
        stack.up()
        rows = _measure(stage, stack, StackMeter(home))
    finally:
        stack.down()
    first, *_, last = rows
    chunk_s, others_s = split_costs(first, last)
    return Findings(
        film=f"made, {', '.join(map(str, CHUNKS))} chunks of {CHUNK_S} s; {PODS} pods at a time, SQLite",
        figures=(
            Figure(name="Airflow's CPU for one more chunk in a pod", value=chunk_s, unit="s", must="<=", mark=1.0),
            Figure(name="for a film's other tasks", value=others_s, unit="s"),
            *part_figures(last, f"{last['chunks']:,}"),
            Figure(name="wall time of a chunk", value=last["wall_s_per_chunk"], unit="s"),
            yardstick(),
        ),
        rows=tuple(rows),
        notes=(
            "a chunk has two processes of tasks: one makes the pod, one takes its end; each forks, parses its DAG and "
            "asks the API server for all that it does",
            "the nodes share this machine's cores with Airflow, so the wall time is theirs, too",
        ),
    )


def _measure(stage: Stage, stack: TestStack, meter: StackMeter) -> list[dict[str, Any]]:
    clip = stage.films.made("small", CLIP_S, "160x96", 400)
    _encode(stack, clip, 1)
    idle = meter.idle()
    rows = []
    for chunks in CHUNKS:
        before = meter.spent()
        _encode(stack, stage.films.repeated(clip, chunks * CHUNK_S // CLIP_S), chunks)
        rows.append(cost_row(meter.spent().since(before), idle, chunks))
    return rows


def _encode(stack: TestStack, film: Path, chunks: int) -> None:
    chunk_s = CHUNK_S if chunks > 1 else 0
    run = stack.start(film, chunk_s=chunk_s, video={"codec": "libx264", "crf": 30, "preset": "ultrafast"})
    state = run.await_end(timeout_s=300 + POD_S * chunks)
    made = len(run.tasks("encode_chunk"))
    if (state, made) != ("success", chunks):
        raise RuntimeError(f"{run.run_id}: ended as {state} with {made} chunks, not {chunks}")
