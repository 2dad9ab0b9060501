"""Writes docs/licences.md: the licence of every package of the encoder's image, out of the installed metadata.

.venv/bin/python docs/licences.py
"""

from __future__ import annotations

import re
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "images/encoder/requirements.txt"
PAGE = ROOT / "docs/licences.md"

HEAD = """# Licences of what the encoder's image ships
Made by `python docs/licences.py` from the metadata of the installed packages; Mapreel itself is Apache-2.0.

- **ffmpeg**: the wheel `imageio-ffmpeg` (BSD-2-Clause) carries a static ffmpeg that is built with `--enable-gpl
  --enable-version3`, so that program is **GPL-3.0-or-later** as a whole (x264 and x265 in it are GPL-2.0-or-later).
  Mapreel runs it as a program of its own. Who hands the image on must offer ffmpeg's source, too.
- **PyAV**: the wheel `av` (BSD-3-Clause) carries ffmpeg's libraries, and says in its own files which they are.
- **Debian**: the base image's packages; their licences lie in `/usr/share/doc/*/copyright` of the image.

| package | version | licence |
| --- | --- | --- |
"""


def read_lock(lock: Path) -> list[Requirement]:
    """Return what a lock pins."""
    lines = re.findall(r"^([A-Za-z0-9][^#\\\n]*==[^#\\\n]*)", lock.read_text(), re.MULTILINE)
    return [Requirement(line.strip()) for line in lines]


def name_licence(found: PackageMetadata) -> str:
    """Return a package's licence as shortly as its metadata has it."""
    stated = found.get("License-Expression")
    if stated:
        return str(stated)
    kinds = [each.rpartition(" :: ")[2] for each in found.get_all("Classifier") or [] if each.startswith("License :: ")]
    kinds = [kind for kind in kinds if kind != "OSI Approved"]
    return ", ".join(kinds) or (found.get("License") or "not stated").strip().splitlines()[0]


def write_page() -> str:
    """Return the page."""
    rows = []
    for pinned in read_lock(LOCK):
        version = str(pinned.specifier).removeprefix("==")
        try:
            licence = name_licence(metadata(pinned.name))
        except PackageNotFoundError:
            licence = "for another system; not in this image"
        rows.append(f"| {pinned.name} | {version} | {licence} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(write_page())
