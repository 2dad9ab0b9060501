"""The variables by which every program of the stack is configured. No file of Airflow's configuration is read."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from local_stack.home import Home
from local_stack.keys import ADMIN, Keys
from local_stack.ports import LOOPBACK, Ports
from local_stack.settings import REPOSITORY, StackSettings

STACK_MARK = "MAPREEL_STACK"
"""Every process of a stack carries this variable with the stack's id: by it those are found that lost their parent."""

INPUT_BUCKET = "mapreel-in"
OUTPUT_BUCKET = "mapreel-out"
WORK_BUCKET = "mapreel-work"
BUCKETS = (INPUT_BUCKET, OUTPUT_BUCKET, WORK_BUCKET)


def stack_environment(
    home: Home, keys: Keys, ports: Ports, settings: StackSettings, inherited: Mapping[str, str]
) -> dict[str, str]:
    """Return the whole environment of the stack's programs.

    The caller's other ``MAPREEL_*`` variables reach the programs; the buckets are the emulator's own. Airflow
    configuration of the caller's (``AIRFLOW__*``) is left out, or somebody's other Airflow would leak into this one.
    """
    kept = {name: value for name, value in inherited.items() if not name.startswith("AIRFLOW__")}
    programs = str(Path(sys.executable).parent)
    return {
        **kept,
        **_mapreel(settings),
        **_airflow(home, keys, ports, settings),
        STACK_MARK: keys.stack_id,
        # Airflow names its processes with setproctitle, which would write its titles over the very mark.
        "SPT_NOENV": "1",
        "MAPREEL_HOME": str(home.root),
        "STORAGE_EMULATOR_HOST": ports.storage_url,
        "PATH": os.pathsep.join([programs, kept.get("PATH", os.defpath)]),
        # A proxy of the caller's must not come between the programs of one machine.
        "NO_PROXY": _without_proxy(kept.get("NO_PROXY", "")),
        "no_proxy": _without_proxy(kept.get("no_proxy", "")),
        "PYTHONUNBUFFERED": "1",
    }


def _mapreel(settings: StackSettings) -> dict[str, str]:
    return {
        "MAPREEL_INPUT": f"gs://{INPUT_BUCKET}",
        "MAPREEL_OUTPUT": f"gs://{OUTPUT_BUCKET}",
        "MAPREEL_WORK": f"gs://{WORK_BUCKET}",
        "MAPREEL_RUNTIME": settings.runtime,
    }


def _airflow(home: Home, keys: Keys, ports: Ports, settings: StackSettings) -> dict[str, str]:
    options: dict[str, dict[str, object]] = {
        "CORE": {
            "DAGS_FOLDER": settings.dags,
            "PLUGINS_FOLDER": REPOSITORY / "plugins",
            "LOAD_EXAMPLES": False,
            "DAGS_ARE_PAUSED_AT_CREATION": False,
            "EXECUTOR": "LocalExecutor",
            "PARALLELISM": settings.concurrent_tasks,
            # A film has as many tasks as it has chunks; the pool is what limits them.
            "MAX_ACTIVE_TASKS_PER_DAG": settings.concurrent_tasks,
            "FERNET_KEY": keys.fernet_key,
            "SIMPLE_AUTH_MANAGER_USERS": ",".join(filter(None, [f"{ADMIN}:admin", settings.users])),
            "SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home.passwords,
            "EXECUTION_API_SERVER_URL": f"{ports.airflow_url}/execution/",
            "HOSTNAME_CALLABLE": "local_stack.ports.loopback_host",
        },
        "DATABASE": {
            "SQL_ALCHEMY_CONN": _database(home, settings),
            # Once its connections are all in use, 15 as it comes, Airflow 3.3.2's API server does nothing for half a
            # minute: it waits for one in its event loop (apache/airflow#66493). It has 40 threads to use one at a time.
            "SQL_ALCHEMY_MAX_OVERFLOW": 60,
        },
        "API": {
            "HOST": LOOPBACK,
            "PORT": ports.airflow,
            "BASE_URL": ports.airflow_url,
            "SECRET_KEY": keys.api_secret,
            "INSTANCE_NAME": "Mapreel",
            "WORKERS": 1,
        },
        "API_AUTH": {"JWT_SECRET": keys.jwt_secret},
        "LOGGING": {"BASE_LOG_FOLDER": home.task_logs},
        "DAG_PROCESSOR": {
            "REFRESH_INTERVAL": 10,
            "PARSING_PROCESSES": 1,
            # A changed DAG file is read at once. This is for what it reads itself, the profiles: to look for them every
            # half a minute, as it comes, keeps a laptop busy for nothing.
            "MIN_FILE_PROCESS_INTERVAL": 120,
        },
        "SCHEDULER": {
            # After a power cut a task that was running is given up, and done again, this much later.
            "TASK_INSTANCE_HEARTBEAT_TIMEOUT": 60,
            "TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": 10,
            "ORPHANED_TASKS_CHECK_INTERVAL": 30,
        },
        "USAGE_DATA_COLLECTION": {"ENABLED": False},
    }
    configured = {
        f"AIRFLOW__{section}__{option}": str(value)
        for section, pairs in options.items()
        for option, value in pairs.items()
    }
    return {"AIRFLOW_HOME": str(home.airflow), **configured}


def _database(home: Home, settings: StackSettings) -> str:
    if settings.database_url is None:
        return f"sqlite:///{home.database}"
    _, _, address = settings.database_url.get_secret_value().partition("://")
    return f"postgresql+psycopg2://{address}"  # the driver that is in the lock, whichever the caller is used to


def _without_proxy(names: str) -> str:
    return ",".join(filter(None, [names, LOOPBACK, "localhost"]))
