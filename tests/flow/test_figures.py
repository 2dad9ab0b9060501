"""The figures of a video reach a real StatsD listener, under the names that the dashboard asks for."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import tests.airflow_home  # noqa: F401  # before Airflow

from airflow.sdk.observability import stats  # isort: skip
from airflow.sdk.observability.metrics import stats_utils  # isort: skip
from encoding_contract.job import Content, Job, ObjectAddress, Source, job_id  # isort: skip
from encoding_contract.profile import Profile, VideoSettings  # isort: skip
from encoding_contract.quality import FilmQuality, Metric  # isort: skip
from encoding_contract.report import Summary, parse_publication, publication_metadata  # isort: skip
from encoding_flow.figures import Figure, count_video  # isort: skip

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(5)
        for name, value in {
            **{"STATSD_ON": "True", "STATSD_HOST": "127.0.0.1", "STATSD_PORT": str(udp.getsockname()[1])},
            "STATSD_INFLUXDB_ENABLED": "True",
        }.items():
            monkeypatch.setenv(f"AIRFLOW__METRICS__{name}", value)
        client = stats_utils.get_stats_factory()()
        stats.initialize(factory=lambda: client, export_legacy_names=False)
        yield udp
        client.statsd.close()
    monkeypatch.undo()
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)


@pytest.fixture
def job() -> Job:
    source = Source(
        address=ObjectAddress(bucket="films", name="a.mov"),
        content=Content(size_bytes=900, crc32c="AA=="),
        generation=7,
    )
    profile = Profile(name="p", video=VideoSettings(crf=20))
    identity = job_id(source.address, source.content, profile)
    return Job(id=identity, source=source, profile=profile, work_bucket="work", output_bucket="made")


def test_every_figure_arrives(listener: socket.socket, job: Job) -> None:
    quality = FilmQuality(metric=Metric.VMAF, mean=95.5, worst=80, worst_us=0, sampled_frames=24)
    summary = Summary(duration_us=61_600_000, frames=1540, chunks=2, encode_s=30.4, quality=quality)
    count_video(job, parse_publication(publication_metadata(job, summary)), 300)
    arrived = {listener.recv(1024).decode() for _ in Figure}
    assert arrived == {
        "airflow.mapreel.videos,profile=p:1|c",
        "airflow.mapreel.seconds,profile=p:62|c",
        "airflow.mapreel.frames,profile=p:1540|c",
        "airflow.mapreel.chunks,profile=p:2|c",
        "airflow.mapreel.encode_seconds,profile=p:30|c",
        "airflow.mapreel.bytes_in,profile=p:900|c",
        "airflow.mapreel.bytes_out,profile=p:300|c",
        "airflow.mapreel.quality,profile=p:95.5|g",
    }


def test_an_output_of_before_there_were_figures_is_counted(listener: socket.socket, job: Job) -> None:
    counted = count_video(job, parse_publication(publication_metadata(job)), 300)
    assert set(counted) == {Figure.VIDEOS, Figure.BYTES_IN, Figure.BYTES_OUT}


def test_the_dashboard_asks_for_every_figure_and_for_no_other() -> None:
    dashboard = json.loads((GRAFANA / "mapreel.json").read_text())
    asked = " ".join(
        target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", []) if "expr" in target
    )
    for figure in Figure:
        assert f"airflow_{figure.value.replace('.', '_')}" in asked, figure
    known = {f"airflow_{figure.value.replace('.', '_')}" for figure in Figure}
    assert set(re.findall(r"airflow_mapreel_[a-z_]+", asked)) == known
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
