"""py-spy, which looks at running Python programs from outside, and gives what it saw as text."""

from __future__ import annotations

import shutil
from pathlib import Path


def record(output: Path, rate_hz: int, *options: str) -> list[str]:
    """Return the command that writes one line for each stack of functions that was seen, and how often.

    Raises:
        SystemExit: there is no py-spy.
    """
    program = shutil.which("py-spy")
    if program is None:
        raise SystemExit("bench: py-spy is missing; install it: uv tool install py-spy")
    # It does not hold the program up while it looks; a look that hits a change is dropped.
    shared = ["--format", "raw", "--full-filenames", "--nonblocking", "--rate", str(rate_hz), "--output", str(output)]
    return [program, "record", *shared, *options]
