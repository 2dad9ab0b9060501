"""The pods of the tests' namespace, as the cluster reports them, whatever Airflow says."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from kubernetes.client import CoreV1Api
from kubernetes.client import models as k8s
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

SELECTOR = "app.kubernetes.io/name=mapreel-encoder"


@dataclass
class SeenPod:
    """One pod that was there."""

    uid: str
    name: str
    verb: str
    chunk: str | None
    memory: str
    nodes: set[str] = field(default_factory=set)
    phases: list[str] = field(default_factory=list)


class PodWatcher:
    """Looks at all pods twice a second, and remembers each that there was."""

    def __init__(self, client: CoreV1Api, namespace: str) -> None:
        self.client, self.namespace = client, namespace
        self.seen: dict[str, SeenPod] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PodWatcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def current(self, verb: str | None = None, phase: str | None = None) -> list[k8s.V1Pod]:
        """The pods that are there now and not being deleted."""
        selector = SELECTOR if verb is None else f"{SELECTOR},mapreel/verb={verb}"
        pods = self.client.list_namespaced_pod(self.namespace, label_selector=selector).items
        return [
            pod
            for pod in pods
            if pod.metadata.deletion_timestamp is None and (phase is None or pod.status.phase == phase)
        ]

    def all(self) -> list[k8s.V1Pod]:
        """Every pod of ours, one that is being deleted too."""
        return list(self.client.list_namespaced_pod(self.namespace, label_selector=SELECTOR).items)

    def encodes(self) -> list[SeenPod]:
        """Every pod that encoded a chunk, or set out to."""
        return [pod for pod in self.seen.values() if pod.verb == "encode"]

    def encodes_beyond(self, chunks: int) -> int:
        """How many pods were started for chunks beyond one each."""
        return len(self.encodes()) - chunks

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            try:
                pods = self.all()
            except (ApiException, HTTPError):
                continue
            for pod in pods:
                self._note(pod)

    def _note(self, pod: k8s.V1Pod) -> None:
        labels = pod.metadata.labels
        seen = self.seen.setdefault(
            pod.metadata.uid,
            SeenPod(
                pod.metadata.uid,
                pod.metadata.name,
                labels["mapreel/verb"],
                labels.get("mapreel/chunk"),
                pod.spec.containers[0].resources.limits["memory"],
            ),
        )
        if pod.spec.node_name:
            seen.nodes.add(pod.spec.node_name)
        if not seen.phases or seen.phases[-1] != pod.status.phase:
            seen.phases.append(pod.status.phase)
