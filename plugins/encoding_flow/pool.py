"""Sets the slots of the pool ``encoding`` by MAPREEL_PARALLELISM: ``python -m encoding_flow.pool``.

To be run where Airflow's own command line runs, whenever the number of nodes has changed.
"""

from __future__ import annotations

import subprocess
import sys

from encoding_contract.errors import MapreelError
from encoding_flow.names import Pool
from encoding_flow.parallelism import Parallelism, count_cpus
from encoding_flow.settings import Runtime, load_flow_settings


def count_nodes(runtime: Runtime) -> int:
    """Return the number of nodes that take pods; in the local runtime, of CPUs."""
    if runtime is Runtime.LOCAL:
        return count_cpus()
    from kubernetes import client, config

    try:
        config.load_incluster_config()
    except config.ConfigException:
        config.load_kube_config()
    nodes = client.CoreV1Api().list_node().items
    return len([node for node in nodes if not node.spec.unschedulable])


def main() -> int:
    """Set the pool; return the exit code of Airflow's own command."""
    try:
        settings = load_flow_settings()
        slots = Parallelism.parse(settings.parallelism).count_slots(count_nodes(settings.runtime))
    except MapreelError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    command = ["pools", "set", Pool.ENCODING.value, str(slots), "Chunks being encoded", "--include-deferred"]
    return subprocess.run([sys.executable, "-m", "airflow", *command], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
