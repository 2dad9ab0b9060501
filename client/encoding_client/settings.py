"""Which buckets, which Airflow, and who asks: read from variables with the prefix ``MAPREEL_``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from encoding_client.airflow_client import AirflowClient
from encoding_contract.errors import BadInput
from encoding_contract.model import first_problem
from encoding_contract.place import Place, parse_place

# NoDecode: the variable holds an address, and not the JSON that pydantic-settings expects for a model.
_Place = Annotated[Place, NoDecode, BeforeValidator(parse_place)]
_PATIENCE_S = 20.0
"""A person waits at the terminal; a server that restarts is back by then."""


class ClientSettings(BaseSettings):
    """What the command line is told by the environment."""

    model_config = SettingsConfigDict(env_prefix="MAPREEL_", frozen=True, extra="ignore", env_ignore_empty=True)

    input: _Place
    output: _Place
    airflow_url: str = Field(default="http://127.0.0.1:8080", pattern=r"^https?://[^/]+.*$")
    airflow_user: str = "admin"
    airflow_password: str | None = None
    airflow_password_file: Path | None = None
    """Read where there is no password."""

    def open_airflow(self) -> AirflowClient:
        """Log in.

        Raises:
            BadInput: there is no password, or it is refused.
            ApiRefused: Airflow does not answer.
        """
        password = self.airflow_password
        if password is None and self.airflow_password_file is not None:
            try:
                password = self.airflow_password_file.read_text().strip()
            except OSError as error:
                raise BadInput(f"MAPREEL_AIRFLOW_PASSWORD_FILE: cannot be read ({error})") from error
        if password is None:
            raise BadInput("MAPREEL_AIRFLOW_PASSWORD: is not set; set it to the password of MAPREEL_AIRFLOW_USER")
        return AirflowClient(self.airflow_url.rstrip("/"), password, self.airflow_user, _PATIENCE_S)


def load_client_settings() -> ClientSettings:
    """Read the settings.

    Raises:
        BadInput: a variable is missing or wrong; the message names it.
    """
    try:
        return ClientSettings()
    except ValidationError as error:
        field, _, reason = first_problem(error).partition(": ")
        raise BadInput(f"MAPREEL_{field.upper()}: {reason}; set it in the environment") from error
