"""deploy/terraform as python-hcl2 reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "terraform"
_OWN_KEYS = {"__is_block__", "__comments__"}


@dataclass(frozen=True)
class Resource:
    """One resource, or one data source."""

    kind: str
    name: str
    body: dict[str, Any]
    is_data: bool

    @property
    def schema_key(self) -> str:
        return f"data.{self.kind}" if self.is_data else self.kind


@dataclass(frozen=True)
class Configuration:
    """All files together, as Terraform takes them."""

    resources: list[Resource]
    variables: dict[str, dict[str, Any]]
    outputs: dict[str, dict[str, Any]]
    text: str


def load_configuration() -> Configuration:
    """Parse every file; one that is no HCL is an error here."""
    files = sorted(FOLDER.glob("*.tf"))
    parsed = [hcl2.loads(path.read_text()) for path in files]
    return Configuration(
        resources=[
            Resource(kind, name, body, is_data=block == "data")
            for file in parsed
            for block in ("resource", "data")
            for entry in file.get(block, [])
            for kind, named in _clean(entry).items()
            for name, body in named.items()
        ],
        variables=dict(_named(parsed, "variable")),
        outputs=dict(_named(parsed, "output")),
        text="\n".join(path.read_text() for path in files),
    )


def _named(parsed: list[dict[str, Any]], block: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in parsed:
        for entry in file.get(block, []):
            yield from _clean(entry).items()


def _clean(value: Any) -> Any:
    """Take the quotes and the parser's own keys away."""
    if isinstance(value, dict):
        return {key.strip('"'): _clean(inner) for key, inner in value.items() if key not in _OWN_KEYS}
    if isinstance(value, list):
        return [_clean(inner) for inner in value]
    return value.strip('"') if isinstance(value, str) else value
