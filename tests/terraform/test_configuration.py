"""What `terraform validate` would say, as far as it can be said without Terraform: names, arguments, references.

The arguments are held against the provider's schema (google-provider.json; see schema.py). Values that only Google's
API knows to be right are not.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.terraform.configuration import Resource, load_configuration

CONFIGURATION = load_configuration()
SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "google-provider.json").read_text())
META = {"for_each", "depends_on", "count", "lifecycle", "provider"}
GOOGLE = [each for each in CONFIGURATION.resources if each.kind.startswith("google_")]
_REFERENCE = re.compile(r"(?<![\w.])(data\.)?((?:google|random)_\w+)\.(\w+)(?:\.(\w+))?")


@pytest.mark.parametrize("resource", GOOGLE, ids=lambda each: f"{each.kind}.{each.name}")
def test_arguments_are_the_provider_s(resource: Resource) -> None:
    body = {name: value for name, value in resource.body.items() if name not in META}
    check_block(f"{resource.kind}.{resource.name}", body, SCHEMA[resource.schema_key]["arguments"])


def check_block(where: str, body: dict[str, Any], arguments: dict[str, Any]) -> None:
    blocks = dict(body)
    for entry in blocks.pop("dynamic", []):
        for name, dynamic in entry.items():
            blocks[name] = dynamic["content"]
    assert blocks.keys() <= arguments.keys(), f"{where}: has no argument {sorted(blocks.keys() - arguments.keys())}"
    required = {name for name, argument in arguments.items() if argument["required"]}
    assert required <= blocks.keys(), f"{where}: needs {sorted(required - blocks.keys())}"
    for name, value in blocks.items():
        inner = arguments[name].get("block")
        is_block = isinstance(value, list) and all(isinstance(each, dict) for each in value)
        assert is_block == (inner is not None), f"{where}.{name}: is {'no' if inner is None else 'a'} block"
        for each in value if inner is not None else []:
            check_block(f"{where}.{name}", each, inner)


def test_what_is_referred_to_is_there() -> None:
    declared = {(each.is_data, each.kind, each.name): each for each in CONFIGURATION.resources}
    for data, kind, name, attribute in _REFERENCE.findall(CONFIGURATION.text):
        resource = declared.get((bool(data), kind, name))
        assert resource is not None, f"{kind}.{name} is not declared"
        if attribute and kind.startswith("google_"):
            assert attribute in SCHEMA[resource.schema_key]["attributes"], f"{kind} has no attribute {attribute}"
    used = set(re.findall(r"\bvar\.(\w+)", CONFIGURATION.text))
    assert used == set(CONFIGURATION.variables)


def test_variables_and_outputs_explain_themselves() -> None:
    for name, body in {**CONFIGURATION.variables, **CONFIGURATION.outputs}.items():
        assert body.get("description"), f"{name} has no description"
    assert CONFIGURATION.outputs["database_url"]["sensitive"] is True


def test_rights_are_the_least() -> None:
    """Nobody gets a key, a basic role, or a right on the whole project but what nodes need to report."""
    kinds = [each.kind for each in CONFIGURATION.resources]
    assert "google_service_account_key" not in kinds
    members = [each for each in CONFIGURATION.resources if each.kind.endswith("_iam_member")]
    roles = {each.body["role"] for each in members}
    assert roles == {
        "roles/storage.objectViewer",
        "roles/storage.objectUser",
        "roles/pubsub.publisher",
        "roles/pubsub.subscriber",
        "roles/iam.workloadIdentityUser",
        "roles/artifactregistry.reader",
        "roles/container.defaultNodeServiceAccount",
    }
    assert [each.body["role"] for each in members if each.kind == "google_project_iam_member"] == [
        "roles/container.defaultNodeServiceAccount"
    ]


def test_buckets_are_private_and_only_work_is_deleted() -> None:
    buckets = [each for each in CONFIGURATION.resources if each.kind == "google_storage_bucket"]
    assert {each.name for each in buckets} == {"input", "output", "work"}
    for bucket in buckets:
        assert bucket.body["public_access_prevention"] == "enforced"
        actions = {rule["action"][0]["type"] for rule in bucket.body["lifecycle_rule"]}
        assert ("Delete" in actions) == (bucket.name == "work")
