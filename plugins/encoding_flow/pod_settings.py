"""What an operator may set about all pods: MAPREEL_POD_*; image, namespace and template stand in ``settings``."""

from __future__ import annotations

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from encoding_contract.errors import BadInput
from encoding_contract.model import first_problem

_PREFIX = "MAPREEL_POD_"


class PodSettings(BaseSettings):
    """Settings of the Kubernetes runtime; each has a default."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore")

    priority_class: str = "mapreel-encoding"
    """Made by deploy/kubernetes; empty: the cluster's default."""
    schedule_timeout_s: int = Field(default=600, ge=5)
    """How long a pod may wait for a node: an autoscaler needs minutes for a spot node."""
    startup_timeout_s: int = Field(default=300, ge=5)
    """How long a node may need to pull the image and to start the container."""
    log_interval_s: int = Field(default=15, ge=1)
    """How often the pod's log is fetched into the task's log while the task is deferred."""
    grace_s: int = Field(default=30, ge=10)
    """Between SIGTERM and SIGKILL: the worker gives ffmpeg 5 s, and then removes its scratch."""
    node_loss_s: int = Field(default=30, ge=0)
    """How long a pod stays bound to a node that no longer answers; Kubernetes' own default is 300 s."""
    deadline_s: int = Field(default=48 * 3600, ge=60)
    """After that Kubernetes ends a pod whatever Airflow knows of it; a task's ``execution_timeout`` comes first."""
    disruption_limit: int = Field(default=10, ge=0)
    """How often one try starts over because the pod was evicted, preempted, deleted, or lost with its node."""
    memory_cap_mib: int = Field(default=32 * 1024, ge=64)
    """Memory is doubled after an OOM kill until it would pass this."""
    scratch_cap_mib: int = Field(default=512 * 1024, ge=64)
    """The same for scratch space."""


def load_pod_settings() -> PodSettings:
    """Read the settings of the Kubernetes runtime.

    Raises:
        BadInput: a variable has a wrong value; the message names it.
    """
    try:
        return PodSettings()
    except ValidationError as error:
        raise BadInput(
            f"{_PREFIX}*: {first_problem(error)}; set it in the environment of every Airflow process"
        ) from error
