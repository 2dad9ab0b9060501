"""Airflow's database for stacks of tests: made once, and copied to each. To make it is a quarter of a stack's start."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from local_stack.home import Home
from local_stack.settings import StackSettings
from local_stack.stack import MIGRATED_FOR, POOL_FOR, Stack

FOLDER_VARIABLE = "MAPREEL_TEST_PREPARED"
"""Names the folder of the one that is copied; where it is not set, each stack makes its own."""


def prepared(root: Path) -> Path:
    """Return a new stack's home, with what a first start puts into its database."""
    if folder := os.environ.get(FOLDER_VARIABLE):
        made = Stack(StackSettings(home=Path(folder), database_url=None, runtime="local"))
        made.prepare(lambda _: None)
        home = Home(root)
        home.create()
        for name in (made.home.database.name, MIGRATED_FOR, POOL_FOR):
            shutil.copyfile(made.home.airflow / name, home.airflow / name)
    return root
