"""The user's pod template, laid over the pod that Mapreel builds.

Merged as Kubernetes merges a patch: mappings key by key; containers, volumes and variables by their name; other lists
are appended; anything else is replaced. A container named ``encoder`` is ours, every other one is a sidecar.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from encoding_contract.errors import BadInput

# The merge keys of Kubernetes' strategic merge patch for a pod's lists of mappings.
_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "imagePullSecrets": "name",
}


def read_template(path: Path) -> Mapping[str, Any]:
    """Read a pod template: a YAML file that holds a Pod.

    Raises:
        BadInput: there is no such file, or it holds something else.
    """
    try:
        template = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(
            f"MAPREEL_POD_TEMPLATE={path}: cannot be read ({error}); mend the file or the setting"
        ) from error
    if not isinstance(template, dict) or template.get("kind") != "Pod" or not isinstance(template.get("spec"), dict):
        found = template.get("kind") if isinstance(template, dict) else type(template).__name__
        raise BadInput(f"MAPREEL_POD_TEMPLATE={path}: expected one document of kind Pod with a spec, found {found!r}")
    return template


def lay_over(pod: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pod with the template's fields over it."""
    merged = dict(pod)
    for key, theirs in template.items():
        ours = merged.get(key)
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            merged[key] = lay_over(ours, theirs)
        elif isinstance(ours, list) and isinstance(theirs, list):
            merged[key] = _merge_lists(ours, theirs, _MERGE_KEYS.get(key))
        else:
            merged[key] = theirs
    return merged


def _merge_lists(ours: list[Any], theirs: list[Any], merge_key: str | None) -> list[Any]:
    if merge_key is None:
        return [*ours, *theirs]
    merged = list(ours)
    positions = {entry.get(merge_key): position for position, entry in enumerate(ours)}
    for entry in theirs:
        position = positions.get(entry.get(merge_key)) if isinstance(entry, Mapping) else None
        if position is None:
            merged.append(entry)
        else:
            merged[position] = lay_over(merged[position], entry)
    return merged
