"""Every package that the encoder's image ships is in the list of licences, in the version that is shipped."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
REMEDY = "run .venv/bin/python docs/licences.py"


def test_the_list_of_licences_is_fresh() -> None:
    lock = (REPOSITORY / "images/encoder/requirements.txt").read_text()
    page = (REPOSITORY / "docs/licences.md").read_text()
    locked = re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", lock, re.MULTILINE)
    listed = re.findall(r"^\| ([a-z0-9._-]+) \| ([0-9]\S*) \| (.+) \|$", page, re.MULTILINE)
    assert [(name, version) for name, version, _ in listed] == locked, REMEDY
    assert not [row for row in listed if row[2] == "not stated"]
