"""The meter looks at folders that a program is still working in."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from bench.meter import folder_bytes


def test_a_folder_that_vanishes_meanwhile_counts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kept").write_bytes(b"abc")
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "file").write_bytes(b"abcdef")
    scandir = os.scandir

    def vanish(path: Any) -> Any:
        if str(path).endswith("gone"):
            shutil.rmtree(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanish)
    assert folder_bytes(tmp_path) == 3
    assert not (tmp_path / "gone").exists()
