"""Deletes leaked pods: those whose task instance is over, or unknown.

A pod is always replaced or taken over by its successor (``pod_claim``); what is left for the sweep are pods without
one: the last try was ended while no triggerer ran, or ended in the race that Airflow's executor loses against short
pods, or the DAG run was deleted.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from kubernetes.client import CoreV1Api
from kubernetes.client import models as k8s

from encoding_flow.pod_claim import delete_pod
from encoding_flow.pod_labels import APP_NAME, Annotation, Label, TaskOrigin

logger = logging.getLogger(__name__)

TaskStates = Callable[[str, list[str]], Mapping[str, Mapping[str, str | None]]]
"""From a DAG id and run ids to the state of every task instance, by run id and by ``task_id`` or ``task_id_index``."""

_PAGE_PODS = 500
_YOUNG = timedelta(seconds=60)
"""The state of a task that has just started a pod may not be in the database yet."""
_OVER_STATES = frozenset({"success", "failed", "skipped", "removed", "upstream_failed"})


def sweep_pods(client: CoreV1Api, namespace: str, ask_states: TaskStates, now: datetime | None = None) -> list[str]:
    """Delete leaked pods and return their names.

    Args:
        client: of the cluster.
        namespace: where pods run.
        ask_states: asks Airflow.
        now: the time, where it is not the clock's.
    """
    by_dag: dict[str, list[tuple[k8s.V1Pod, TaskOrigin]]] = defaultdict(list)
    for pod in _list_pods(client, namespace):
        age = (now or datetime.now(UTC)) - pod.metadata.creation_timestamp
        origin = _origin(pod)
        if origin is not None and pod.metadata.deletion_timestamp is None and age > _YOUNG:
            by_dag[origin.dag_id].append((pod, origin))
    swept = []
    for dag_id, pods in by_dag.items():
        states = ask_states(dag_id, sorted({origin.run_id for _, origin in pods}))
        for pod, origin in pods:
            known = states.get(origin.run_id, {})
            state = known.get(_state_key(origin), "unknown")
            if state in _OVER_STATES or state == "unknown":
                logger.info("Deleting leaked pod %s: its task instance is %s", pod.metadata.name, state)
                delete_pod(client, pod)
                swept.append(str(pod.metadata.name))
    return swept


def ask_airflow(dag_id: str, run_ids: list[str]) -> Mapping[str, Mapping[str, str | None]]:
    """Ask Airflow for states, from within a running task."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    return RuntimeTaskInstance.get_task_states(dag_id=dag_id, run_ids=run_ids)


def sweep_cluster(namespace: str) -> list[str]:
    """Sweep the cluster of the connection ``kubernetes_default``; runs as a task."""
    from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook

    return sweep_pods(KubernetesHook().core_v1_client, namespace, ask_airflow)


def _list_pods(client: CoreV1Api, namespace: str) -> Iterator[k8s.V1Pod]:
    token = None
    while True:
        page = client.list_namespaced_pod(
            namespace, label_selector=f"{Label.APP.value}={APP_NAME}", limit=_PAGE_PODS, _continue=token
        )
        yield from page.items
        token = page.metadata._continue
        if not token:
            return


def _origin(pod: k8s.V1Pod) -> TaskOrigin | None:
    text = (pod.metadata.annotations or {}).get(Annotation.TASK_INSTANCE.value)
    if text is None:
        return None  # somebody else's, or made by hand
    try:
        return TaskOrigin.model_validate_json(text)
    except ValueError:
        logger.warning("Pod %s: its annotation %s is not readable", pod.metadata.name, Annotation.TASK_INSTANCE.value)
        return None


def _state_key(origin: TaskOrigin) -> str:
    return origin.task_id if origin.map_index < 0 else f"{origin.task_id}_{origin.map_index}"
