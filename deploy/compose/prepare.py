"""What must be there before the services of docker-compose.yaml start: secrets, and the buckets of the emulator.

``prepare.py secrets FOLDER`` and ``prepare.py buckets``; both change nothing where everything stands.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from urllib.parse import quote

from local_stack.buckets import ensure_buckets, open_storage
from local_stack.keys import ADMIN, Keys

# The group is everybody's in the official image: the CLI's container may run as the user of the host.
_GROUP_READS = 0o640
_DATABASE_PASSWORD = "postgres-password"
_ADMIN_PASSWORD = "admin-password"


def leave_secrets(folder: Path) -> None:
    """Leave each secret as a file: from the environment (.env) where it is named there, else made once.

    Raises:
        SystemExit: the database has another password already.
    """
    made = Keys()
    standing_password = _read(folder / _DATABASE_PASSWORD)
    wanted_password = os.environ.get("MAPREEL_POSTGRES_PASSWORD", "")
    if standing_password and wanted_password not in ("", standing_password):
        raise SystemExit(
            "MAPREEL_POSTGRES_PASSWORD: the database was made with another password, and keeps it; take the variable "
            "out of .env, or start over with: docker compose down --volumes"
        )
    secrets = {
        name: os.environ.get(variable) or _read(folder / name) or new
        for name, variable, new in (
            (_DATABASE_PASSWORD, "MAPREEL_POSTGRES_PASSWORD", made.supervisor_password),
            (_ADMIN_PASSWORD, "MAPREEL_ADMIN_PASSWORD", made.admin_password),
            ("fernet-key", "MAPREEL_FERNET_KEY", made.fernet_key),
            ("jwt-secret", "MAPREEL_JWT_SECRET", made.jwt_secret),
            ("api-secret", "MAPREEL_API_SECRET", made.api_secret),
        )
    }
    database = f"postgresql+psycopg2://airflow:{quote(secrets[_DATABASE_PASSWORD], safe='')}@postgres/airflow"
    logins = json.dumps({ADMIN: secrets[_ADMIN_PASSWORD]}) + "\n"
    for name, text in {**secrets, "database-url": database, "airflow-passwords.json": logins}.items():
        _write(folder / name, text)


def make_buckets() -> None:
    """Make the emulator's buckets that the settings name; real ones are made by whoever pays for them."""
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    if emulator:
        places = [os.environ[name] for name in ("MAPREEL_INPUT", "MAPREEL_OUTPUT", "MAPREEL_WORK")]
        ensure_buckets(open_storage(emulator), [place.removeprefix("gs://").partition("/")[0] for place in places])


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _GROUP_READS), "w") as handle:
        handle.write(text)
    part.replace(path)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["secrets", folder]:
            leave_secrets(Path(folder))
        case ["buckets"]:
            make_buckets()
        case _:
            raise SystemExit(__doc__)
