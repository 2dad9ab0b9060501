"""The README shows what there is."""

from __future__ import annotations

import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent


def test_readme_lists_all_that_make_does() -> None:
    said = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    commands = [line.strip() for line in said.splitlines() if line.startswith("  make ")]
    readme = (REPOSITORY / "README.md").read_text()
    assert len(commands) > 20
    assert [line for line in commands if f"{line}\n" not in readme] == []
