"""What Airflow adds to a chunk in a pod: runs of ``encode_video`` on a real cluster, with a worker that does nothing.

Airflow runs beside the cluster, so what pods take is not in its CPU seconds. KUBECONFIG names the cluster,
MAPREEL_ENCODER_IMAGE the image on its nodes, as for the tests on a cluster; its Python runs the worker of paper, which
a config map brings.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.airflow import Run, TestStack
from tests.cluster.conftest import NAMESPACE, OVERLAY
from tests.integration.conftest import WORKER

from bench.airflow_costs import StackMeter, await_run_end, cost_figures, cost_row, databases, yardstick
from bench.record import Figure, Findings
from bench.stage import Stage
from encoding_flow.pod_template import lay_over, read_template

CHUNKS = tuple(int(number) for number in os.environ.get("MAPREEL_BENCH_PODS", "10 100 1000").split())
PODS = 12
POD_S = 30
"""The longest that a pod takes, on average, before it is taken for one that hangs."""

_PAPER = {
    "spec": {
        "containers": [
            {
                "name": "encoder",
                "command": ["/opt/mapreel/bin/python", "/paper/worker.py"],
                "env": [{"name": "PAPER_NOTES", "value": "/dev/null"}],
                "volumeMounts": [{"name": "paper", "mountPath": "/paper"}],
            }
        ],
        "volumes": [{"name": "paper", "configMap": {"name": "paper-worker"}}],
    }
}

_NOTES = (
    "a chunk has one process of a task, which makes the pod; its end is taken in the triggerer (`TaskSuccessEvent`), "
    'for which the DAG processor reads the DAG file: "Where Airflow\'s time goes" says what the parts are made of',
    "what a film costs beside its chunks, three more pods among it, weighs ten chunks down and not a hundred",
    "the nodes share this machine's cores with Airflow, so the wall time is theirs, too",
)


def measure(stage: Stage) -> Findings:
    """Run films of more and more chunks, one after the other; an idle minute first, to be taken off."""
    rows: list[dict[str, Any]] = []
    figures: list[Figure] = []
    for database, settings in databases().items():
        found = _measure(stage.folder / database, settings)
        rows += [{"database": database, **row} for row in found]
        figures += cost_figures(found, database, mark_s=1.0)
    return Findings(
        film=f"paper, {', '.join(f'{chunks:,}' for chunks in CHUNKS)} chunks; {PODS} pods at a time",
        figures=(*figures, yardstick()),
        rows=tuple(rows),
        notes=_NOTES,
    )


def _bring_paper() -> None:
    if not {"KUBECONFIG", "MAPREEL_ENCODER_IMAGE"} <= os.environ.keys():
        raise SystemExit("bench: pods need a cluster: set KUBECONFIG and MAPREEL_ENCODER_IMAGE")
    subprocess.run(["kubectl", "apply", "-k", str(OVERLAY)], check=True, capture_output=True)
    content = {"worker.py": WORKER.read_text(encoding="utf-8")}
    paper = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "paper-worker"}, "data": content}
    command = ["kubectl", "-n", NAMESPACE, "apply", "-f", "-"]
    subprocess.run(command, input=json.dumps(paper), text=True, check=True, capture_output=True)


@contextmanager
def paper_pods(folder: Path, **settings: str) -> Iterator[TestStack]:
    """Start a stack whose pods are made of paper, let it encode a first film, and stop it."""
    _bring_paper()
    folder.mkdir(parents=True, exist_ok=True)
    template = folder / "pod-template.yaml"
    template.write_text(yaml.safe_dump(lay_over(read_template(OVERLAY / template.name), _PAPER)), encoding="utf-8")
    ours = {"MAPREEL_NAMESPACE": NAMESPACE, "MAPREEL_PARALLELISM": f"constant: {PODS}"}
    stack = TestStack(folder / "home", template, ours | settings)
    try:
        stack.up()
        _encode(stack, folder, 2)
        yield stack
    finally:
        stack.down()


def start_film(stack: TestStack, folder: Path, chunks: int) -> Run:
    """Start the run of a film of paper."""
    film = folder / f"{chunks} chunks.mkv"
    film.write_text(json.dumps({"chunks": chunks}), encoding="utf-8")
    return stack.start(film)


def _measure(folder: Path, database: dict[str, str]) -> list[dict[str, Any]]:
    with paper_pods(folder, **database) as stack:
        meter = StackMeter(folder / "home")
        idle = meter.idle()
        rows = []
        for chunks in CHUNKS:
            before = meter.spent()
            _encode(stack, folder, chunks)
            rows.append(cost_row(meter.spent().since(before), idle, chunks))
    return rows


def _encode(stack: TestStack, folder: Path, chunks: int) -> None:
    run = start_film(stack, folder, chunks)
    state = await_run_end(lambda: run.state().state, 300 + POD_S * chunks)
    made = len(run.tasks("encode_chunk"))
    if (state, made) != ("success", chunks):
        raise RuntimeError(f"{run.run_id}: ended as {state} with {made} chunks, not {chunks}")
