"""The one place that chooses where the worker's programs run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encoding_flow.settings import FlowSettings, Runtime

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator


def verb_operator(settings: FlowSettings) -> type[BaseOperator]:
    """Return the operator class that runs a verb: ``LocalVerb`` or ``PodVerb``, which take the same arguments.

    Imported here and not at the top: the Kubernetes provider costs seconds in each process that imports it.
    """
    if settings.runtime is Runtime.KUBERNETES:
        from encoding_flow.pod_verb import PodVerb

        return PodVerb
    from encoding_flow.local import LocalVerb

    return LocalVerb
