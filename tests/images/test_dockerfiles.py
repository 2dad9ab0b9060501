"""Every Dockerfile is one that hadolint has nothing to say against."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent))


@pytest.mark.skipif(HADOLINT is None, reason="hadolint's wheel is for Linux on x86-64 only")
@pytest.mark.parametrize("file", sorted(REPOSITORY.glob("images/*/Dockerfile")), ids=lambda path: path.parent.name)
def test_hadolint_is_content(file: Path) -> None:
    assert HADOLINT is not None
    done = subprocess.run([HADOLINT, str(file)], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
