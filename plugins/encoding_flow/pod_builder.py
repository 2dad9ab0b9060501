"""The one place that builds a pod: each default with its reason, the user's template over them.

The pod meets the Pod Security Standard "restricted". Nothing private stands in it: credentials come from the service
account that the template names (Workload Identity).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from kubernetes.client import models as k8s
from kubernetes.utils.quantity import parse_quantity

from encoding_contract.command import LIMIT_PREFIX, Command
from encoding_contract.errors import BadInput
from encoding_contract.job import Job
from encoding_contract.model import Document
from encoding_flow.pod_labels import TaskOrigin, pod_annotations, pod_labels, pod_name
from encoding_flow.pod_settings import PodSettings
from encoding_flow.pod_size import PodSize
from encoding_flow.pod_template import lay_over

CONTAINER = "encoder"
_SCRATCH_VOLUME = "scratch"
_SCRATCH_PATH = "/scratch"
_USER_ID = 10001
"""The image's user, by number: the kubelet cannot tell that a named one is not root."""
_LOG_MIB = 64
_THREADS_VARIABLE = "MAPREEL_THREADS"
_HANDED_ON = ("STORAGE_EMULATOR_HOST", "GOOGLE_CLOUD_PROJECT", "MAPREEL_STALL_S")
_MIB = 1024 * 1024
_GPU = "nvidia.com/gpu"


class Growth(Document):
    """How often a pod's resources were doubled after it had run out of them."""

    memory: int = 0
    scratch: int = 0


class PodPlace(Document):
    """Where pods run, and from which image."""

    namespace: str
    image: str


def build_pod(
    command: Command,
    job: Job,
    origin: TaskOrigin,
    place: PodPlace,
    size: PodSize,
    settings: PodSettings,
    template: Mapping[str, Any] | None = None,
    growth: Growth = Growth(),  # noqa: B008  # frozen
) -> k8s.V1Pod:
    """Return the pod that does one piece of work.

    Raises:
        BadInput: the template makes no valid pod.
    """
    pod = _default_pod(command, place, size, settings)
    if template is not None:
        pod = lay_over(pod, template)
    _assert_identity(pod, command, job, origin, place)
    container = _our_container(pod)
    _grow(container, growth, settings)
    _fit_requests(container)
    _fit_scratch(pod, container)
    _set_threads(container)
    try:
        return PodGenerator.deserialize_model_dict(pod)
    except (ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"the pod of {command.verb.value} is not valid ({error}); mend MAPREEL_POD_TEMPLATE") from error


def memory_limit_mib(pod: k8s.V1Pod) -> int:
    """Return the memory limit of a pod's container; 0 where it has none."""
    limits = next((c.resources.limits for c in pod.spec.containers if c.name == CONTAINER and c.resources), None)
    return int(parse_quantity((limits or {}).get("memory", 0)) / _MIB)


def _default_pod(command: Command, place: PodPlace, size: PodSize, settings: PodSettings) -> dict[str, Any]:
    spec: dict[str, Any] = {
        # The worker speaks to Cloud Storage and to nothing in the cluster.
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # A hung pod ends by itself even when nobody in Airflow remembers it.
        "activeDeadlineSeconds": settings.deadline_s,
        "terminationGracePeriodSeconds": settings.grace_s,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER_ID,
            "runAsGroup": _USER_ID,
            "fsGroup": _USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        # Without these Kubernetes leaves a pod on a lost node for 300 s before anyone may take its place.
        "tolerations": [
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": settings.node_loss_s}
            for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        ],
        "containers": [_default_container(command, place, size)],
        # On disk: a memory-backed volume would be charged to the memory limit.
        "volumes": [{"name": _SCRATCH_VOLUME, "emptyDir": {"sizeLimit": f"{size.scratch_mib}Mi"}}],
    }
    if settings.priority_class:
        spec["priorityClassName"] = settings.priority_class
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": spec}


def _default_container(command: Command, place: PodPlace, size: PodSize) -> dict[str, Any]:
    amounts = {"memory": f"{size.memory_mib}Mi", "ephemeral-storage": f"{size.scratch_mib + _LOG_MIB}Mi"}
    gpus = {_GPU: str(size.gpus)} if size.gpus else {}
    environment = {"TMPDIR": _SCRATCH_PATH, "HOME": _SCRATCH_PATH}
    handed_on = [*_HANDED_ON, *sorted(name for name in os.environ if name.startswith(LIMIT_PREFIX))]
    environment.update({name: os.environ[name] for name in handed_on if os.environ.get(name)})
    return {
        "name": CONTAINER,
        "image": place.image,
        # The image's entry point is the program itself.
        "args": command.to_argv()[1:],
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        # Memory and storage asked for are memory and storage had, so a full node evicts others first.
        "resources": {
            "requests": {"cpu": f"{size.cpu_request_millis}m", **amounts, **gpus},
            "limits": {"cpu": str(size.threads), **amounts, **gpus},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": _SCRATCH_VOLUME, "mountPath": _SCRATCH_PATH}],
        # The worker writes its error line there; where it could not, the log's last lines must do.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _assert_identity(pod: dict[str, Any], command: Command, job: Job, origin: TaskOrigin, place: PodPlace) -> None:
    """Set what no template may change: who the pod is, and that it runs once."""
    metadata = pod.setdefault("metadata", {})
    metadata.pop("generateName", None)
    metadata["name"] = pod_name(command, job.id)
    metadata["namespace"] = place.namespace
    metadata["labels"] = {**(metadata.get("labels") or {}), **pod_labels(command, job, origin)}
    metadata["annotations"] = {**pod_annotations(job, origin), **(metadata.get("annotations") or {})}
    pod["spec"]["restartPolicy"] = "Never"


def _our_container(pod: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = next(c for c in pod["spec"]["containers"] if c.get("name") == CONTAINER)
    return container


def _grow(container: dict[str, Any], growth: Growth, settings: PodSettings) -> None:
    caps = {"memory": settings.memory_cap_mib, "ephemeral-storage": settings.scratch_cap_mib}
    doublings = {"memory": growth.memory, "ephemeral-storage": growth.scratch}
    for name, times in doublings.items():
        for amounts in container["resources"].values():
            if times and name in amounts:
                grown = int(parse_quantity(amounts[name]) / _MIB) * 2**times
                amounts[name] = f"{min(grown, caps[name])}Mi"


def _fit_requests(container: dict[str, Any]) -> None:
    """Lower a request to its limit: a template may have set the limit only."""
    requests, limits = container["resources"].get("requests", {}), container["resources"].get("limits", {})
    for name in requests.keys() & limits.keys():
        if parse_quantity(requests[name]) > parse_quantity(limits[name]):
            requests[name] = limits[name]


def _fit_scratch(pod: dict[str, Any], container: dict[str, Any]) -> None:
    """Keep the scratch volume as large as the storage that the container may use."""
    limit = container["resources"].get("limits", {}).get("ephemeral-storage")
    volume = next(v for v in pod["spec"]["volumes"] if v.get("name") == _SCRATCH_VOLUME)
    if limit is not None and volume.get("emptyDir") is not None:
        volume["emptyDir"]["sizeLimit"] = limit


def _set_threads(container: dict[str, Any]) -> None:
    """Give the encoder as many threads as the CPU limit that came out of it all: more would only be throttled."""
    if any(variable.get("name") == _THREADS_VARIABLE for variable in container["env"]):
        return
    limit: Decimal = parse_quantity(container["resources"].get("limits", {}).get("cpu", 0))
    if limit > 0:
        container["env"].append({"name": _THREADS_VARIABLE, "value": str(max(1, int(limit)))})
