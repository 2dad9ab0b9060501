"""What .env.example names is what docker-compose.yaml reads, and the other way round."""

from __future__ import annotations

import re

from tests.compose.stack import REPOSITORY

OF_COMPOSE_ITSELF = {"COMPOSE_PROFILES"}


def test_every_setting_is_documented() -> None:
    read = set(re.findall(r"\$\{(\w+)[:}-]", (REPOSITORY / "docker-compose.yaml").read_text()))
    documented = set(re.findall(r"^#?([A-Z_0-9]+)=", (REPOSITORY / ".env.example").read_text(), re.MULTILINE))
    assert read == documented - OF_COMPOSE_ITSELF
