"""What the environment may choose about the embedded stack."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parents[3]

# SQLite bears this many tasks at a time; at 32 "database is locked" kills the scheduler.
SQLITE_PARALLELISM = 8


class StackSettings(BaseSettings):
    """Read from variables with the prefix ``MAPREEL_``."""

    model_config = SettingsConfigDict(env_prefix="MAPREEL_", frozen=True, extra="ignore", env_ignore_empty=True)

    home: Path = REPOSITORY / ".mapreel"
    """Where the stack keeps everything: database, buckets, logs, passwords."""
    dags: Path = REPOSITORY / "dags"
    port_airflow: int | None = Field(default=None, ge=1, le=65535)
    """Chosen once and remembered where left out, as the two below."""
    port_storage: int | None = Field(default=None, ge=1, le=65535)
    port_supervisor: int | None = Field(default=None, ge=1, le=65535)
    runtime: Literal["local", "kubernetes"] = "local"
    users: str = ""
    """Further logins beside the administrator's, as ``name:role,name:role``; Airflow makes up their passwords."""
    database_url: SecretStr | None = None
    """A PostgreSQL database of Airflow's own, as ``postgresql://user:password@host/name``; else SQLite in the home."""
    concurrent_tasks: int = Field(default=SQLITE_PARALLELISM, ge=1)
    """Tasks that run at the same time, over all DAGs."""
    heartbeat_old_s: float = Field(default=90, gt=0)
    """A component whose last heartbeat is older is restarted. They beat every 5 s, when the machine lets them."""
    heartbeat_grace_s: float = Field(default=180, ge=0)
    """How long a program that was just started is let be: on busy cores its imports take minutes."""

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgresql+", "postgres://")):
            raise ValueError("MAPREEL_DATABASE_URL: not of the form postgresql://user:password@host/name")
        return url

    @model_validator(mode="after")
    def _database_bears_the_tasks(self) -> Self:
        if self.database_url is None and self.concurrent_tasks > SQLITE_PARALLELISM:
            raise ValueError(
                f"MAPREEL_CONCURRENT_TASKS: SQLite bears {SQLITE_PARALLELISM} at a time, not {self.concurrent_tasks}; "
                "name a PostgreSQL database in MAPREEL_DATABASE_URL"
            )
        return self
