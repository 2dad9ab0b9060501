"""Passwords and secrets of one stack: made once, readable by their owner only."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from local_stack.home import Home

OWNER_ONLY_FILE = 0o600

ADMIN = "admin"


class Keys(BaseModel):
    """What the programs of one stack must agree on and nobody else may know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stack_id: str = Field(default_factory=lambda: secrets.token_hex(8))
    """Not secret: marks the stack's processes, so that they are found again."""
    admin_password: str = Field(default_factory=lambda: secrets.token_urlsafe(12))
    supervisor_password: str = Field(default_factory=lambda: secrets.token_hex(16))
    jwt_secret: str = Field(default_factory=lambda: secrets.token_hex(32))
    api_secret: str = Field(default_factory=lambda: secrets.token_hex(32))
    fernet_key: str = Field(default_factory=lambda: base64.urlsafe_b64encode(os.urandom(32)).decode())


def load_keys(home: Home) -> Keys:
    """Return the stack's keys, made now if there are none, and leave Airflow's password file beside them."""
    if home.keys.exists():
        keys = Keys.model_validate_json(home.keys.read_text())
    else:
        keys = Keys()
        write_private(home.keys, keys.model_dump_json(indent=1))
    if not home.passwords.exists():
        write_private(home.passwords, json.dumps({ADMIN: keys.admin_password}) + "\n")
    return keys


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY_FILE)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
    part.replace(path)
