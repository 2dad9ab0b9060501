"""The computed example of docs/production.md is what the script prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_example_is_computed() -> None:
    printed = subprocess.run(
        [sys.executable, REPOSITORY / "deploy" / "cost.py"], capture_output=True, text=True, check=True
    ).stdout
    assert printed in (REPOSITORY / "docs" / "production.md").read_text()
