"""The manifests of deploy/, as a real API server reads them."""

from __future__ import annotations

import subprocess

import pytest
import yaml
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from local_stack.settings import REPOSITORY

pytestmark = pytest.mark.cluster

DEPLOY = REPOSITORY / "deploy/kubernetes"


@pytest.fixture
def airflow_namespace(core_api: client.CoreV1Api, namespace: str) -> None:
    """Where the overlays put what Airflow mounts; a dry run does not make it."""
    try:
        core_api.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name="airflow")))
    except ApiException as error:
        if error.status != 409:
            raise


@pytest.mark.parametrize("overlay", ["gke", "local"])
@pytest.mark.usefixtures("airflow_namespace")
def test_an_overlay_is_accepted(overlay: str) -> None:
    done = subprocess.run(
        ["kubectl", "apply", "--dry-run=server", "-k", str(DEPLOY / "overlays" / overlay)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for kind in ("serviceaccount", "role", "rolebinding", "priorityclass", "networkpolicy"):
        assert f"{kind}" in done.stdout
    if overlay == "gke":
        assert "resourcequota/mapreel" in done.stdout
        assert "limitrange/mapreel" in done.stdout


@pytest.mark.parametrize(
    ("verb", "resource", "is_allowed"),
    [
        ("create", "pods", True),
        ("get", "pods", True),
        ("list", "pods", True),
        ("delete", "pods", True),
        ("get", "pods/log", True),
        ("watch", "events", True),
        ("patch", "pods", False),
        ("create", "pods/exec", False),
        ("get", "secrets", False),
        ("deletecollection", "pods", False),
    ],
)
@pytest.mark.parametrize("account", ["airflow-scheduler", "airflow-triggerer", "airflow-worker"])
def test_airflow_may_do_what_it_needs_and_nothing_else(
    namespace: str, verb: str, resource: str, is_allowed: bool, account: str
) -> None:
    kind, _, part = resource.partition("/")
    answers = {}
    for where in (namespace, "default"):
        done = subprocess.run(
            [
                *("kubectl", "auth", "can-i", verb, kind, "--subresource", part, "-n", where),
                *("--as", f"system:serviceaccount:airflow:{account}"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        answers[where] = done.stdout.strip().splitlines()[-1]
    assert answers == {namespace: "yes" if is_allowed else "no", "default": "no"}


def test_the_helm_values_name_what_the_manifests_make() -> None:
    values = yaml.safe_load((REPOSITORY / "deploy/helm-values.yaml").read_text())
    variables = {variable["name"]: variable.get("value") for variable in values["env"]}
    assert variables["MAPREEL_RUNTIME"] == "kubernetes"
    assert variables["MAPREEL_NAMESPACE"] == "mapreel"
    mount = values["volumeMounts"][0]
    assert variables["MAPREEL_POD_TEMPLATE"].startswith(mount["mountPath"])
    generated = yaml.safe_load((DEPLOY / "overlays/gke/kustomization.yaml").read_text())["configMapGenerator"][0]
    assert values["volumes"][0]["configMap"]["name"] == generated["name"]
