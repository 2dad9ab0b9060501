"""What follows from a pod's end: another pod within the same try, or the end of the try.

Airflow's attempts are for faults of the work. What the cluster did to a pod does not use them up: an evicted,
preempted, deleted or lost pod is started over in the same try, up to ``disruption_limit`` times; a pod that ran out of
memory or scratch is started over with twice as much, up to the cap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from encoding_contract.model import Document
from encoding_flow.pod_builder import Growth
from encoding_flow.pod_end import EndKind, PodEnd
from encoding_flow.pod_settings import PodSettings

_KEY = "mapreel_history"
_SCRATCH_DOUBLINGS_LIMIT = 4


class PodHistory(Document):
    """What happened to the pods of one try; it travels with the trigger, so it survives Airflow's processes."""

    disruptions: int = 0
    growth: Growth = Growth()

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Self:
        """Read it from a trigger's event; the provider copies the trigger's keyword arguments there."""
        return cls.model_validate(event.get(_KEY) or {})

    def to_trigger_kwargs(self) -> dict[str, Any]:
        """Return what the trigger hands back."""
        return {_KEY: self.model_dump(mode="json")}


class Decision(Document):
    """What to do now, and why."""

    message: str
    next_history: PodHistory | None = None
    """Start over with it; ``None`` ends the try."""
    is_hopeless: bool = False
    """Whether another try cannot help."""


def decide(end: PodEnd, history: PodHistory, settings: PodSettings, memory_mib: int) -> Decision:
    """Return what follows from a pod's end.

    Args:
        end: how it ended.
        history: what happened before in this try.
        settings: the limits.
        memory_mib: the memory limit that the pod had; 0 where it had none.
    """
    match end.kind:
        case EndKind.DISRUPTED:
            return _after_disruption(end, history, settings)
        case EndKind.OUT_OF_MEMORY:
            return _after_memory(end, history, settings, memory_mib)
        case EndKind.OUT_OF_SCRATCH:
            return _after_scratch(end, history)
        case _:
            return Decision(message=f"pod {end.kind}: {end.reason}", is_hopeless=end.is_hopeless)


def _after_disruption(end: PodEnd, history: PodHistory, settings: PodSettings) -> Decision:
    count = history.disruptions + 1
    if count > settings.disruption_limit:
        return Decision(
            message=f"pod disrupted {count} times in this try, {settings.disruption_limit} are borne "
            f"(MAPREEL_POD_DISRUPTION_LIMIT); the last: {end.reason}"
        )
    return Decision(
        message=f"The pod was disrupted: {end.reason}. Starting it over; this uses up no attempt "
        f"({count} of {settings.disruption_limit} disruptions)",
        next_history=history.model_copy(update={"disruptions": count}),
    )


def _after_memory(end: PodEnd, history: PodHistory, settings: PodSettings, memory_mib: int) -> Decision:
    if not memory_mib or memory_mib * 2 > settings.memory_cap_mib:
        return Decision(
            message=f"pod {end.reason} of {memory_mib} MiB, and twice that passes the cap of "
            f"{settings.memory_cap_mib} MiB (MAPREEL_POD_MEMORY_CAP_MIB); raise the cap, "
            "or encode with a lighter preset",
            is_hopeless=True,
        )
    growth = history.growth.model_copy(update={"memory": history.growth.memory + 1})
    return Decision(
        message=f"The pod was {end.reason} of {memory_mib} MiB. Starting it over with {memory_mib * 2} MiB; this uses "
        f"up no attempt (cap: {settings.memory_cap_mib} MiB)",
        next_history=history.model_copy(update={"growth": growth}),
    )


def _after_scratch(end: PodEnd, history: PodHistory) -> Decision:
    times = history.growth.scratch + 1
    if times > _SCRATCH_DOUBLINGS_LIMIT:
        return Decision(
            message=f"pod ran out of scratch after {history.growth.scratch} doublings: {end.reason}; set its "
            "ephemeral-storage in MAPREEL_POD_TEMPLATE, or take a shorter chunk_s",
            is_hopeless=True,
        )
    return Decision(
        message=f"The pod ran out of scratch: {end.reason}. Starting it over with twice as much; "
        "this uses up no attempt",
        next_history=history.model_copy(update={"growth": history.growth.model_copy(update={"scratch": times})}),
    )
