"""What the resources of Google's Terraform provider take and give, read out of the types of npm's
``@cdktf/provider-google``, which are generated from the provider's own schema. Makes google-provider.json anew:

    npm pack @cdktf/provider-google@16.12.1 && tar xzf cdktf-provider-google-16.12.1.tgz
    python -m tests.terraform.schema package/lib > tests/terraform/google-provider.json
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.terraform.configuration import load_configuration

_INTERFACE = re.compile(r"^export interface (\w+)[^{]*\{(.*?)^\}", re.MULTILINE | re.DOTALL)
_TOP = re.compile(r"^export interface (\w+) extends cdktf\.TerraformMetaArguments", re.MULTILINE)
_FIELD = re.compile(r"^\s+readonly (\w+)(\?)?: ([^;]+);", re.MULTILINE)
_ATTRIBUTE = re.compile(r"^    get (\w+)\(\)", re.MULTILINE)


def read_schema(library: Path, schema_key: str) -> dict[str, Any]:
    """Return ``{"arguments": {name: {"required": bool, "block": {...} where it is one}}, "attributes": [...]}``."""
    kind = schema_key.removeprefix("data.")
    folder = kind.removeprefix("google_").replace("_", "-")
    folder = f"data-google-{folder}" if schema_key.startswith("data.") else folder
    index = (library / folder / "index.d.ts").read_text()
    text = "\n".join(path.read_text() for path in sorted((library / folder).rglob("*.d.ts")))
    (top,) = _TOP.findall(text)
    resource = index[index.index("extends cdktf.Terraform" + ("DataSource" if "data." in schema_key else "Resource")) :]
    attributes = sorted({_snake(name) for name in _ATTRIBUTE.findall(resource) if not name.endswith("Input")})
    return {"arguments": _fields(dict(_INTERFACE.findall(text)), top), "attributes": attributes}


def _fields(interfaces: dict[str, str], name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field, optional, kind in _FIELD.findall(interfaces[name]):
        inner = next((word for word in re.findall(r"\w+", kind) if word in interfaces), None)
        block = {} if inner is None else {"block": _fields(interfaces, inner)}
        found[_snake(field)] = {"required": not optional, **block}
    return found


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


if __name__ == "__main__":
    keys = {each.schema_key for each in load_configuration().resources if each.kind.startswith("google_")}
    lines = [
        f"{json.dumps(key)}: {json.dumps(read_schema(Path(sys.argv[1]), key), sort_keys=True)}" for key in sorted(keys)
    ]
    print("{\n" + ",\n".join(lines) + "\n}")
