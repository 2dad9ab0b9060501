"""Copied into Airflow's config folder: loads in the parent what every task would load again.

LocalExecutor and the Edge worker fork a process for each task, and what its parent has imported, a task need not
import. The Kubernetes provider alone costs four seconds of CPU time, and our own code a fifth of what Airflow takes for
a task; the models of our documents are built here, too. It is as with all that lies in Airflow's plugins folder: who
changes it starts Airflow anew. DAG files are read by each task.
"""

import importlib
import os
import sys

__all__: list[str] = []

_MODULES = [
    "google.cloud.storage",
    "google_crc32c",
    "jinja2.ext",
    "pydantic_settings",
    "yaml",
    "airflow.sdk.bases.sensor",
    "airflow.sdk.definitions.decorators",
    "airflow.sdk.execution_time.task_runner",
    "airflow.providers.standard.decorators.python",
    "airflow.providers.standard.operators.trigger_dagrun",
    "encoding_flow.form",
    "encoding_flow.provenance",
    "encoding_flow.tasks",
    "encoding_flow.telling",
    "encoding_flow.pod_verb" if os.environ.get("MAPREEL_RUNTIME") == "kubernetes" else "encoding_flow.local",
]

# Not in the API server and in commands of a moment, which never run a task.
if {"scheduler", "triggerer", "dag-processor", "edge"} & set(sys.argv):
    for _module in _MODULES:
        importlib.import_module(_module)
    importlib.import_module("encoding_contract.model").build_documents()
