"""Run ids, pods and labels, for names that are anything but: each is one that Airflow and Kubernetes take."""

from __future__ import annotations

import json
import re

import pytest
from kubernetes.client import ApiClient
from tests.flow.pod_samples import make_pod

from encoding_contract.job import JobId
from encoding_flow.runs import run_id

NAMES = [
    "../x",
    "a\nb\x1b[2K",
    "%d{{ ds }}.mp4",
    "影" * 341,
    "-leading.mp4",
    "x" * 1024,
    "nul\x00",
    "👻",
    "a|b",
    "concat:a",
]
LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_a_runs_id_is_one_that_airflow_takes(name: str) -> None:
    identity = run_id(JobId("0123456789abcdef0123456789abcdef"), name)
    assert len(identity) <= 100
    assert re.fullmatch(r"[A-Za-z0-9_.~:+-]+", identity)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_a_pods_labels_are_valid_whatever_the_run_is_called(name: str) -> None:
    sent = ApiClient().sanitize_for_serialization(make_pod(run_id=name))
    for value in sent["metadata"]["labels"].values():
        assert LABEL.fullmatch(value), value
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", sent["metadata"]["name"])
    assert json.loads(json.dumps(sent)) == sent
