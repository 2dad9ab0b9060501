"""Terraform, the chart's values and the manifests call the same things by the same names."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.terraform.configuration import FOLDER, load_configuration

DEPLOY = FOLDER.parent
VALUES: dict[str, Any] = yaml.safe_load((DEPLOY / "helm-values.yaml").read_text())
TEXT = load_configuration().text.replace("${var.project}", "PROJECT")


def test_buckets_and_subscription() -> None:
    env = {entry["name"]: entry["value"] for entry in VALUES["env"]}
    for name in ("MAPREEL_INPUT", "MAPREEL_OUTPUT", "MAPREEL_WORK"):
        assert f'"{env[name].removeprefix("gs://")}"' in TEXT
    assert f'name                 = "{env["MAPREEL_EVENTS"].rpartition("/")[2]}"' in TEXT
    assert "@sha256:" in env["MAPREEL_ENCODER_IMAGE"]


def test_accounts() -> None:
    bindings = {
        entry["metadata"]["name"]: entry
        for entry in yaml.safe_load_all((DEPLOY / "kubernetes/base/airflow-rbac.yaml").read_text())
    }
    launchers = {subject["name"] for each in bindings.values() for subject in each.get("subjects", [])}
    accounts = {VALUES[part]["serviceAccount"]["name"] for part in ("scheduler", "triggerer", "workers")}
    assert launchers == accounts
    for account in accounts:
        assert f'"{account}"' in TEXT
    encoder = yaml.safe_load((DEPLOY / "kubernetes/overlays/gke/encoder-account.yaml").read_text())
    identity = encoder["metadata"]["annotations"]["iam.gke.io/gcp-service-account"]
    assert f'"{identity.partition("@")[0]}"' in TEXT
    assert f"[{encoder['metadata']['namespace']}/{encoder['metadata']['name']}]" in TEXT


def test_spot_nodes_are_tainted_as_pods_tolerate() -> None:
    template = yaml.safe_load((DEPLOY / "kubernetes/overlays/gke/pod-template.yaml").read_text())
    (toleration,) = template["spec"]["tolerations"]
    assert f'key    = "{toleration["key"]}"' in TEXT
    assert f'value  = "{toleration["value"]}"' in TEXT


def test_the_work_bucket_s_rule_is_the_one_that_is_documented() -> None:
    rules = json.loads((DEPLOY / "storage/work-bucket-lifecycle.json").read_text())["rule"]
    work = next(r for r in load_configuration().resources if (r.kind, r.name) == ("google_storage_bucket", "work"))
    ages = {rule["action"][0]["type"]: rule["condition"][0]["age"] for rule in work.body["lifecycle_rule"]}
    assert ages == {rule["action"]["type"]: rule["condition"]["age"] for rule in rules}
