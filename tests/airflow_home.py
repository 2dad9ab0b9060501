"""An Airflow home for tests that import Airflow in their own process; import it before Airflow."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
DAGS = REPOSITORY / "dags"


def enter() -> None:
    """Point Airflow at an empty home, unless it is loaded already, and so has one."""
    if "airflow" in sys.modules:
        return
    home = tempfile.mkdtemp(prefix="mapreel-test-airflow-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ["AIRFLOW_HOME"] = home
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(DAGS)
    os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(REPOSITORY / "plugins")


enter()
