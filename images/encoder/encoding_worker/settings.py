"""What a pod's environment may say; the job document says all the rest."""

from __future__ import annotations

import os
from pathlib import Path

from encoding_contract.errors import BadInput

_CGROUP_CPU = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1_QUOTA = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_CGROUP_V1_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


def stall_s() -> float:
    """Return for how long an encoder may make no frame before it is stopped: MAPREEL_STALL_S, in seconds."""
    return positive("MAPREEL_STALL_S", 300)


def threads() -> int:
    """Return how many threads an encoder gets: MAPREEL_THREADS, or the CPU limit of this container or machine."""
    return int(positive("MAPREEL_THREADS", _cpu_limit()))


def termination_log() -> Path:
    """Return the file into which the error line goes for Kubernetes: MAPREEL_TERMINATION_LOG."""
    return Path(os.environ.get("MAPREEL_TERMINATION_LOG", "/dev/termination-log"))


def positive(name: str, default: float) -> float:
    """Return a number above 0 from the environment.

    Raises:
        BadInput: it is none.
    """
    text = os.environ.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = 0
    if value <= 0:
        raise BadInput(f"{name}={text!r}: expected a number above 0")
    return value


def _cpu_limit() -> int:
    usable = len(os.sched_getaffinity(0))
    try:
        quota, period = _CGROUP_CPU.read_text().split()
    except (OSError, ValueError):
        try:
            quota, period = _CGROUP_V1_QUOTA.read_text().strip(), _CGROUP_V1_PERIOD.read_text().strip()
        except OSError:
            return usable
    if quota == "max" or int(quota) <= 0:
        return usable
    return max(1, min(usable, round(int(quota) / int(period))))
