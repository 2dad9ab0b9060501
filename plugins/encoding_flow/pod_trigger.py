"""Watches a pod from the triggerer, and brings its log into the task's log meanwhile.

The provider's trigger, with four things mended, each override says which, and three made cheaper: all triggers share a
connection, only a pod that waits has its events printed, and a task whose pod has done its work ends here, without a
process that takes it through Airflow again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from airflow.providers.cncf.kubernetes.triggers.pod import ContainerState, KubernetesPodTrigger
from airflow.providers.cncf.kubernetes.utils.pod_manager import AsyncPodManager
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent
from kubernetes.client import models as k8s
from kubernetes_asyncio.client import ApiException, CoreV1Api
from pendulum import DateTime

from encoding_flow.pod_claim import exactly, is_gone
from encoding_flow.pod_connection import SharingHook
from encoding_flow.pod_end import EndKind, is_lost, judge_end
from encoding_flow.pod_log import next_piece, seconds_back

_SETTLE_S = 10.0
"""An event that wakes the task sooner than this may overtake the executor's own report of the deferral; Airflow 3.3.2
then fails the task ("Executor reported ... state queued"). Seen with pods of up to 2 s, not with pods of 15 s."""


_QUICK_START_S = 15.0
"""A pod that takes longer tells what it waits for. Most do not, and each line that a trigger logs takes the triggerer
once more through its loop over the database."""


class PatientPodManager(AsyncPodManager):
    """Fetches logs where it can, each line once, and events where they are worth a line."""

    async def watch_pod_events(self, pod: k8s.V1Pod, startup_check_interval: float = 30) -> None:
        """Print the events of a pod that does not start soon, those before among them."""
        await asyncio.sleep(_QUICK_START_S)
        await super().watch_pod_events(pod, startup_check_interval)

    async def fetch_container_logs_before_current_sec(
        self, pod: k8s.V1Pod, container_name: str, since_time: DateTime | None = None
    ) -> DateTime | None:
        """Print the lines after ``since_time``, the stamp of the last that was printed; give the new last one.

        A node that does not answer delays lines, and does not end the watch: the provider lets the error end the
        trigger, which starts a process for the task, which defers again.
        """
        try:
            return await self.print_log(pod, container_name, since_time)
        except Exception as error:
            self.log.warning("The log of pod %s cannot be read now: %s", pod.metadata.name, error)
            return since_time

    async def print_log(self, pod: k8s.V1Pod, container_name: str, since_time: DateTime | None) -> DateTime | None:
        """Do the same, or raise."""
        place = (pod.metadata.name, pod.metadata.namespace)
        lines = await self._hook.read_logs(*place, container_name, seconds_back(since_time))
        piece = next_piece(lines, since_time)
        # The provider leaves out the lines of the second that it is given; none is of this one.
        await asyncio.to_thread(self._emit_container_logs, piece.lines, DateTime.max, container_name)
        return piece.end


class PodVerbTrigger(KubernetesPodTrigger):
    """Fires when the pod is over, or should be.

    Args:
        pod_uid: which of the pods that have had the name; a trigger that an older version has stored does not know.
        ends_task: whether the task needs no process of its own once the pod has done its work.
    """

    def __init__(self, *, pod_uid: str | None = None, ends_task: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pod_uid = pod_uid
        self.ends_task = ends_task

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Name this class: the provider's has its own name written out."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            **super().serialize()[1],
            "pod_uid": self.pod_uid,
            "ends_task": self.ends_task,
        }

    @cached_property
    def hook(self) -> SharingHook:
        """The provider's, sharing its connection."""
        return SharingHook(
            conn_id=self.kubernetes_conn_id,
            in_cluster=self.in_cluster,
            config_dict=self.config_dict,
            cluster_context=self.cluster_context,
            connection_extras=self.connection_extras,
        )

    @cached_property
    def pod_manager(self) -> PatientPodManager:
        """The one above."""
        return PatientPodManager(async_hook=self.hook)

    def define_pod_container_state(self, pod: k8s.V1Pod) -> ContainerState:
        """See a pod on a lost node as failed: its phase stays Running until the node comes back."""
        return ContainerState.FAILED if is_lost(pod) else super().define_pod_container_state(pod)

    async def on_kill(self) -> None:
        """Delete the pod that was watched, and no younger one of its name, as the provider does.

        A cleared task may have started that one before the triggerer hears of the clearing: seen on a busy machine.
        """
        if not self._fired_event:
            self.log.info("Deleting pod %s in namespace %s", self.pod_name, self.pod_namespace)
            await self._delete()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """End the task where its pod has done its work, else have it woken."""
        async for event in super().run():
            # The provider marks the event as fired before it yields; a kill meanwhile must still delete the pod.
            self._fired_event = False
            if event.payload["status"] == "success" and self.ends_task and await self._finish(event):
                event = TaskSuccessEvent()
            else:
                await self._settle()
            self._fired_event = True
            yield event

    async def _finish(self, event: TriggerEvent) -> bool:
        """Do what the task would be woken for: print the rest of the log, delete the pod; tell whether all is done."""
        try:
            pod = await self._get_pod()
            if pod.metadata.uid != self.pod_uid or judge_end(pod).kind is not EndKind.SUCCEEDED:
                return False
            printed = await self.pod_manager.print_log(pod, self.base_container_name, self.last_log_time)
            event.payload["last_log_time"] = printed  # a task that is woken all the same goes on from there
            await self._delete()
        except Exception as error:
            self.log.warning("The task is woken to look after pod %s: %s", self.pod_name, error)
            return False
        self.log.info("Pod %s has succeeded and is deleted", self.pod_name)
        return True

    async def _delete(self) -> None:
        options = exactly(self.pod_uid, self.termination_grace_period)
        async with self.hook.get_conn() as connection:
            try:
                await CoreV1Api(connection).delete_namespaced_pod(self.pod_name, self.pod_namespace, body=options)
            except ApiException as error:
                if not is_gone(error.status):
                    raise

    async def _settle(self) -> None:
        """Hold the event back until the scheduler has seen the deferral."""
        waited_s = (datetime.now(UTC) - self.trigger_start_time).total_seconds()
        await asyncio.sleep(max(0.0, _SETTLE_S - waited_s))
