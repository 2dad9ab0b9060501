"""Copied into Airflow's config folder by local_stack: loads in the parent what every task would load again.

LocalExecutor forks a process for each task; what its parent has imported, a task need not import. Without this a
task costs seconds of CPU time before it begins (the Kubernetes client alone: four).
"""

import importlib
import sys

__all__: list[str] = []

_MODULES = ("google.cloud.storage", "airflow.providers.cncf.kubernetes.operators.pod")

if {"scheduler", "triggerer", "dag-processor"} & set(sys.argv):
    for _module in _MODULES:
        importlib.import_module(_module)
