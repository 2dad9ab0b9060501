"""The Kubernetes runtime: a worker's program in a pod, watched from the triggerer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn, cast

from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
from airflow.providers.cncf.kubernetes.kubernetes_helper_functions import generic_api_retry
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.utils.pod_manager import parse_log_line
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.sdk.listener import get_listener_manager
from airflow.settings import pod_mutation_hook
from airflow.triggers.base import BaseTrigger
from kubernetes.client import models as k8s
from kubernetes.client.exceptions import ApiException
from pendulum import DateTime
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from encoding_contract.command import Command, Verb
from encoding_flow.clearing import forget_cleared_result, is_cleared
from encoding_flow.exits import failing_task, raise_for_exit
from encoding_flow.pod_builder import CONTAINER, build_pod, memory_limit_mib
from encoding_flow.pod_claim import PodClaim, delete_pod
from encoding_flow.pod_end import EndKind, PodEnd, judge_end
from encoding_flow.pod_labels import TaskOrigin
from encoding_flow.pod_log import next_piece, seconds_back
from encoding_flow.pod_recovery import Decision, PodHistory, decide
from encoding_flow.pod_settings import load_pod_settings
from encoding_flow.pod_sweep import ask_airflow, sweep_pods
from encoding_flow.pod_template import read_template
from encoding_flow.pod_trigger import PodVerbTrigger
from encoding_flow.pod_work import load_place, load_work
from encoding_flow.settings import load_flow_settings

_NOT_FOUND = 404


class PodVerb(KubernetesPodOperator):
    """Runs one verb of the worker in a pod, its output in the task's log.

    Args:
        verb: what to do.
        job_url: the job's address (templated).
        chunk: which chunk, with ``Verb.ENCODE`` only.
        chunk_label: what the grid shows for a mapped instance.
    """

    template_fields: Sequence[str] = ("job_url", "chunk", "chunk_label")
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    ui_color = "#cfe2f3"

    # The API server may be away for minutes while it is upgraded; the pod goes on meanwhile.
    MAX_REDEFER_ATTEMPTS = 20

    def __init__(
        self,
        *,
        verb: Verb,
        job_url: str,
        chunk: int | None = None,
        chunk_label: str = "",
        **kwargs: Any,
    ) -> None:
        settings = load_pod_settings()
        super().__init__(
            deferrable=True,
            base_container_name=CONTAINER,
            do_xcom_push=False,  # no sidecar: a verb's results stand in the bucket
            durable=False,  # the pod's name is what a later try finds it by
            on_finish_action="delete_pod",
            termination_grace_period=settings.grace_s,
            schedule_timeout_seconds=settings.schedule_timeout_s,
            startup_timeout_seconds=settings.startup_timeout_s,
            logging_interval=settings.log_interval_s,
            log_pod_spec_on_failure=False,  # hundreds of lines that hide the one that matters
            **kwargs,
        )
        self.verb = verb
        self.job_url = job_url
        self.chunk = chunk
        self.chunk_label = chunk_label

    def execute(self, context: Context) -> None:
        """Start the pod, or take over the one that does this work already, and defer.

        Raises:
            AirflowFailException: doing it again cannot help.
            AirflowException: it may help.
        """
        if self.verb == Verb.SPLIT:
            self._sweep()
        with failing_task():
            claim = self._claim(context, PodHistory())
            # An older pod must be gone first: it could write the very manifest that clearing deletes.
            standing = claim.clear_way()
            forget_cleared_result(self._command(), context["ti"], self.retries or 0, context["task_state_store"])
            self.pod = claim.take(standing)
        self.invoke_defer_method(context=context)

    def convert_config_file_to_dict(self) -> None:
        """Leave the kubeconfig out of the trigger, which the provider would store in Airflow's database.

        The triggerer reads its own; beside a connection that names one, the copy is refused as a second.
        """
        self._config_dict = None
        # Unlike the hook, the trigger does not find out by itself that it runs in the cluster.
        self.in_cluster = self.hook.is_in_cluster or None

    def invoke_defer_method(self, last_log_time: DateTime | None = None, context: Context | None = None) -> None:
        """Defer without asking Airflow for the connection: the provider does here what its hook has done already."""
        conn_id = self._kubernetes_hook().conn_id
        self.kubernetes_conn_id = None
        try:
            super().invoke_defer_method(last_log_time, context)
        finally:
            self.kubernetes_conn_id = conn_id

    def defer(self, *, trigger: BaseTrigger, **kwargs: Any) -> NoReturn:
        """Defer to our own trigger, made of the arguments of the provider's and of what the hook knows."""
        assert self.pod is not None  # the provider has just named it to its own trigger
        arguments = {
            **trigger.serialize()[1],
            "kubernetes_conn_id": self._kubernetes_hook().conn_id,
            "connection_extras": self._kubernetes_hook().conn_extras,
            "pod_uid": self.pod.metadata.uid,
            "ends_task": self._ends_quietly(),
        }
        super().defer(trigger=PodVerbTrigger(**arguments), **kwargs)

    def trigger_reentry(self, context: Context, event: dict[str, Any]) -> Any:
        """Take the trigger's event: finished, started over within this try, or failed with a reason.

        Raises:
            AirflowFailException: doing it again cannot help.
            AirflowException: it may help.
        """
        history = PodHistory.from_event(event)
        self.trigger_kwargs = history.to_trigger_kwargs()  # where the provider defers again, it goes on from here
        pod = self._find(event)
        end = judge_end(pod)
        is_over = end.kind is not EndKind.NOT_OVER and not (event["status"] == "error" and _is_starting(end))
        if (
            event["status"] == "success"
            or end.kind is EndKind.SUCCEEDED
            or not (is_over or event["status"] == "timeout")
        ):
            return super().trigger_reentry(context, event)
        if pod is not None:
            self._report(pod, event)
        if event["status"] == "timeout" and end.kind is EndKind.NOT_OVER:
            end = PodEnd(kind=EndKind.OVERTIME, reason=str(event["message"]))
        decision = decide(end, history, load_pod_settings(), memory_limit_mib(pod) if pod else 0)
        if decision.next_history is not None:
            return self._start_over(context, decision)
        if pod is not None:
            delete_pod(self.client, pod)
        self._fail(decision, end)

    def patch_already_checked(self, pod: k8s.V1Pod, *, reraise: bool = True) -> None:
        """Do nothing: pods are found by name, and Airflow then needs no right to patch them."""

    def _write_logs(  # type: ignore[override]  # the provider's is decorated
        self, pod: k8s.V1Pod, follow: bool = False, since_time: DateTime | None = None
    ) -> None:
        """Write the lines that the trigger has not; the provider's way leaves out some, or writes some twice."""
        for line in next_piece(self._read_log(pod, since_time), since_time).lines:
            _, text = parse_log_line(line)
            if text:
                self.log.info("[%s] logs: %s", self.base_container_name, text)

    @generic_api_retry  # type: ignore[untyped-decorator]
    def _read_log(self, pod: k8s.V1Pod, since_time: DateTime | None) -> list[str]:
        reply: BaseHTTPResponse = self.client.read_namespaced_pod_log(
            pod.metadata.name,
            pod.metadata.namespace,
            container=self.base_container_name,
            timestamps=True,
            since_seconds=seconds_back(since_time),
            _preload_content=False,  # else it is decoded strictly, and one broken character fails the task
        )
        return reply.data.decode("utf-8", errors="backslashreplace").splitlines()

    def _kubernetes_hook(self) -> KubernetesHook:
        return cast("KubernetesHook", self.hook)

    def _ends_quietly(self) -> bool:
        """Tell whether nobody waits for what only a task's process does at its end, such as OpenLineage's listener."""
        return not (self.outlets or self.on_success_callback or get_listener_manager().has_listeners)

    def _sweep(self) -> None:
        """Delete what others have leaked, once for each film; that it cannot be done now is no reason to fail."""
        try:
            sweep_pods(self.client, load_flow_settings().namespace, ask_airflow)
        except (HTTPError, ApiException) as error:
            self.log.warning("Leaked pods are not swept now: %s", error)

    def _start_over(self, context: Context, decision: Decision) -> None:
        assert decision.next_history is not None
        self.log.warning("%s", decision.message)
        self.trigger_kwargs = decision.next_history.to_trigger_kwargs()
        with failing_task():
            claim = self._claim(context, decision.next_history)
            self.pod = claim.take(claim.clear_way())
        self.invoke_defer_method(context=context)

    def _fail(self, decision: Decision, end: PodEnd) -> NoReturn:
        doing = f"{self._command().verb.value} of {self.job_url}"
        doing += "" if self.chunk is None else f", chunk {self.chunk}"
        if end.kind is EndKind.EXITED:
            raise_for_exit(end.exit_status, doing, end.reason)
        kind = AirflowFailException if end.is_hopeless or decision.is_hopeless else AirflowException
        raise kind(f"{doing}: {decision.message}")

    def _command(self) -> Command:
        return Command(verb=Verb(self.verb), job_url=self.job_url, chunk=self.chunk)

    def _claim(self, context: Context, history: PodHistory) -> PodClaim:
        self.pod_request_obj = self._build(context, history)
        return PodClaim(self.client, self.pod_request_obj)

    def _build(self, context: Context, history: PodHistory) -> k8s.V1Pod:
        command = self._command()
        instance = context["ti"]
        origin = TaskOrigin(
            dag_id=instance.dag_id,
            run_id=instance.run_id,
            task_id=instance.task_id,
            map_index=-1 if instance.map_index is None else instance.map_index,
            try_number=instance.try_number,
            cleared_epoch=instance.max_tries if is_cleared(instance, self.retries or 0) else None,
        )
        place, template = load_place()
        work = load_work(command)
        pod = build_pod(
            command,
            work.job,
            origin,
            place,
            work.size,
            load_pod_settings(),
            read_template(template) if template else None,
            history.growth,
        )
        pod_mutation_hook(pod)  # type: ignore[no-untyped-call]
        return pod

    def _find(self, event: dict[str, Any]) -> k8s.V1Pod | None:
        try:
            return self.hook.get_pod(event["name"], event["namespace"])
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    def _report(self, pod: k8s.V1Pod, event: dict[str, Any]) -> None:
        """Write the rest of the pod's log, and its events, into the task's log."""
        if judge_end(pod).kind is not EndKind.NOT_STARTED:
            try:
                self._write_logs(pod, since_time=event.get("last_log_time"))
            except (HTTPError, ApiException) as error:
                self.log.warning("The rest of the pod's log cannot be read: %s", error)
        self._read_pod_events(pod, reraise=False)


def _is_starting(end: PodEnd) -> bool:
    return end.kind is EndKind.NOT_STARTED and "cannot be pulled" not in end.reason
