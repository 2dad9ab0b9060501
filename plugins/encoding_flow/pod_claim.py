"""One pod for one piece of work: takes a running one over, or has it gone before another starts.

The pod's name is the lock. It follows from the work alone, so the API server refuses a second one, whoever asks for
it: a retry, a cleared task, another DAG run of the same job, a scheduler that has lost its memory.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import tenacity
from kubernetes.client import CoreV1Api, V1DeleteOptions, V1Preconditions
from kubernetes.client import models as k8s
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from encoding_contract.errors import TransientFault
from encoding_flow.pod_builder import CONTAINER
from encoding_flow.pod_end import EndKind, is_lost, judge_end
from encoding_flow.pod_labels import Label

logger = logging.getLogger(__name__)

_NOT_FOUND = 404
_CONFLICT = 409
_BUSY_STATUSES = frozenset({429, 500, 502, 503, 504})
_POLL_S = 1.0
_PATIENCE_S = 300.0
"""Longer than any grace period and the time after which a lost node's pod is deleted by force."""


def _is_api_busy(error: BaseException) -> bool:
    if isinstance(error, ApiException):
        return error.status in _BUSY_STATUSES
    return isinstance(error, HTTPError)


_patiently = tenacity.retry(
    stop=tenacity.stop_after_attempt(6),
    wait=tenacity.wait_exponential_jitter(multiplier=0.5, max=15),
    retry=tenacity.retry_if_exception(_is_api_busy),
    before_sleep=tenacity.before_sleep_log(logger, logging.WARNING),
    reraise=True,
)


class PodClaim:
    """The right to be the one pod of a piece of work."""

    def __init__(self, client: CoreV1Api, wanted: k8s.V1Pod) -> None:
        self._client = client
        self._wanted = wanted
        self._name: str = wanted.metadata.name
        self._namespace: str = wanted.metadata.namespace

    def clear_way(self) -> k8s.V1Pod | None:
        """Return a pod that does this very work and may be taken over, or ``None`` once there is no pod.

        Raises:
            TransientFault: an old pod does not go away.
        """
        poll = tenacity.Retrying(
            stop=tenacity.stop_after_delay(_PATIENCE_S),
            wait=tenacity.wait_fixed(_POLL_S),
            retry=tenacity.retry_if_result(lambda is_clear: not is_clear),
        )
        standing: k8s.V1Pod | None = None

        def look() -> bool:
            nonlocal standing
            standing = self._read()
            if standing is None or self._is_ours(standing):
                return True
            self._remove(standing)
            return False

        try:
            poll(look)
        except tenacity.RetryError as error:
            raise TransientFault(
                f"pod {self._namespace}/{self._name}: an older one did not go away in {_PATIENCE_S:g} s; "
                f"see: kubectl -n {self._namespace} describe pod {self._name}"
            ) from error
        return standing

    def take(self, standing: k8s.V1Pod | None) -> k8s.V1Pod:
        """Return the work's pod: the one taken over, or a new one.

        Args:
            standing: what ``clear_way`` has returned.

        Raises:
            TransientFault: an old pod does not go away, or the cluster refuses the new one.
        """
        for _ in range(3):
            if standing is not None:
                logger.info(
                    "Taking over pod %s (%s, on %s) instead of starting a second one",
                    self._name,
                    standing.status.phase,
                    standing.spec.node_name or "no node yet",
                )
                return standing
            try:
                return self._create()
            except ApiException as error:
                if error.status != _CONFLICT:
                    raise TransientFault(
                        f"pod {self._namespace}/{self._name}: the cluster refuses it ({error.status} {error.reason}): "
                        f"{_message(error)}; mend the namespace, its quota or MAPREEL_POD_TEMPLATE"
                    ) from error
            standing = self.clear_way()
        raise TransientFault(f"pod {self._namespace}/{self._name}: somebody else makes and deletes it all the time")

    def _is_ours(self, pod: k8s.V1Pod) -> bool:
        if pod.metadata.deletion_timestamp is not None:
            return False  # it will not finish, even though its phase still says Running
        if judge_end(pod).kind not in (EndKind.NOT_OVER, EndKind.NOT_STARTED, EndKind.SUCCEEDED):
            return False
        wanted = (self._wanted.metadata.labels or {}).get(Label.ANEW.value)
        if wanted is not None and (pod.metadata.labels or {}).get(Label.ANEW.value) != wanted:
            return False  # it began before the task was cleared, and that asks for a new result
        return _image(pod) == _image(self._wanted)

    def _remove(self, pod: k8s.V1Pod) -> None:
        now = datetime.now(UTC)
        if pod.metadata.deletion_timestamp is None:
            logger.info("Deleting pod %s (%s) of an earlier try", self._name, judge_end(pod).kind)
            self._delete(pod, None)
        elif is_lost(pod, now):
            # Its node may still run it, cut off from the API server. It can do no harm: results are written with
            # generation preconditions, and whichever comes first stands.
            logger.warning("Pod %s is overdue on node %s; deleting it by force", self._name, pod.spec.node_name)
            self._delete(pod, 0)

    @_patiently
    def _read(self) -> k8s.V1Pod | None:
        try:
            return self._client.read_namespaced_pod(self._name, self._namespace)
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    @_patiently
    def _create(self) -> k8s.V1Pod:
        pod = self._client.create_namespaced_pod(self._namespace, self._wanted)
        logger.info("Started pod %s/%s", self._namespace, self._name)
        return pod

    @_patiently
    def _delete(self, pod: k8s.V1Pod, grace_s: int | None) -> None:
        delete_pod(self._client, pod, grace_s)


def delete_pod(client: CoreV1Api, pod: k8s.V1Pod, grace_s: int | None = None) -> None:
    """Delete exactly this pod, and not a younger one of its name; it may be gone already."""
    try:
        client.delete_namespaced_pod(pod.metadata.name, pod.metadata.namespace, body=exactly(pod.metadata.uid, grace_s))
    except ApiException as error:
        if not is_gone(error.status):
            raise


def exactly(uid: str | None, grace_s: int | None = None) -> V1DeleteOptions:
    """Return what has the API server delete the pod of this uid only; of ``None``, whichever has the name."""
    return V1DeleteOptions(preconditions=V1Preconditions(uid=uid), grace_period_seconds=grace_s)


def is_gone(status: int | None) -> bool:
    """Tell whether a deletion was refused as there is no such pod, or only a younger one of its name."""
    return status in (_NOT_FOUND, _CONFLICT)


def _image(pod: k8s.V1Pod) -> str | None:
    return next((container.image for container in pod.spec.containers if container.name == CONTAINER), None)


def _message(error: ApiException) -> str:
    body = error.body if isinstance(error.body, str) else ""
    _, found, tail = body.partition('"message":"')
    return tail.partition('","')[0] if found else body[:300]
