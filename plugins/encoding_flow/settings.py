"""What Mapreel's side of Airflow is told by the environment; every variable is named here and nowhere else.

``FlowSettings`` has a default for each, so that the DAG files parse before anything is set up; ``BucketSettings`` has
none, and is asked for where a bucket is first needed.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from croniter import CroniterError, croniter
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from encoding_contract.errors import BadInput
from encoding_contract.place import Place, parse_place

_PREFIX = "MAPREEL_"
_HOUR, _DAY = 60, 1440  # minutes
POLL = "poll:"
"""Before the seconds between two looks at the input bucket, as a setting of its events."""


class Runtime(StrEnum):
    """Where the worker's programs run."""

    LOCAL = "local"
    KUBERNETES = "kubernetes"


def _parse_place(value: Any) -> Any:
    return parse_place(value) if isinstance(value, str) else value


# NoDecode: the variable holds an address, and not the JSON that pydantic-settings expects for a model.
_Place = Annotated[Place, NoDecode, BeforeValidator(_parse_place)]


def _check_cron(cron: str) -> str:
    try:
        # Its next time, too: a 31st of February is well said, and the scheduler would look for it in vain.
        croniter(cron).get_next()
    except CroniterError as error:
        raise ValueError(f"must be a cron expression, such as '0 20 * * 1-5': {error}") from error
    return cron


class FlowSettings(BaseSettings):
    """Settings that have a default."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    runtime: Runtime = Runtime.LOCAL
    profiles: Path | None = None
    """Folder of the profiles; default: ``profiles`` beside the DAG files."""
    default_profile: str = "h264-1080p"
    scan_minutes: int = Field(default=5, ge=1, le=1440)
    """Between two scheduled scans; from 60 on whole hours that divide a day."""
    scan_cron: Annotated[str, AfterValidator(_check_cron)] | None = None
    """When scheduled scans come, in UTC, where a number of minutes does not say it: every night, on weekdays."""
    events: str | None = Field(default=None, pattern=rf"^(projects/[^/]+/subscriptions/[^/]+|{POLL}[1-9][0-9]{{0,4}})$")
    """The Pub/Sub subscription that the input bucket notifies, or ``poll:SECONDS``; none: the schedule alone."""
    scan_limit: int = Field(default=50, ge=1, le=1000)
    """The most runs that one scan starts; the rest waits for the next one."""
    active_runs: int = Field(default=64, ge=1)
    """A scan starts no run while so many are under way; a backlog waits in the bucket, not in Airflow's queue."""
    parallelism: str = "coefficient: 1"
    """How many chunks are encoded at a time; see parallelism.py."""
    program: Path | None = None
    """The worker's program of the local runtime; default: ``mapreel`` beside the Python that runs Airflow."""
    encoder_image: str | None = None
    pod_template: Path | None = None
    namespace: str = "mapreel"
    notify: str = ""
    """Whom to tell of a video's end: ``webhook:CONNECTION,smtp:ADDRESS``; see news.py."""
    deadline_h: float | None = Field(default=None, gt=0)
    """Hours after which a run of encode_video that is not over is told as late."""

    @field_validator("scan_minutes")
    @classmethod
    def _scans_keep_to_the_clock(cls, minutes: int) -> int:
        if minutes >= _HOUR and (minutes % _HOUR or _DAY % minutes):
            raise ValueError(f"must be 1 to 59, or 60, 120, 180, 240, 360, 480, 720 or {_DAY}")
        return minutes

    @property
    def scan_schedule(self) -> str:
        """When scheduled scans come, as cron says it."""
        if self.scan_cron is not None:
            return self.scan_cron
        if self.scan_minutes < _HOUR:
            return f"*/{self.scan_minutes} * * * *"
        return "0 0 * * *" if self.scan_minutes == _DAY else f"0 */{self.scan_minutes // _HOUR} * * *"


class BucketSettings(BaseSettings):
    """The three places; none has a default."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    input: _Place
    output: _Place
    work: _Place

    @model_validator(mode="after")
    def _places_are_apart(self) -> Self:
        if self.work.prefix:
            raise ValueError(f"{_PREFIX}WORK: must be a whole bucket, without {self.work.prefix!r}")
        if self.work.bucket in (self.input.bucket, self.output.bucket):
            raise ValueError(f"{_PREFIX}WORK: must be a bucket of its own; {self.work.bucket} holds input or output")
        published = self.output.prefix + self.input.prefix
        if self.output.bucket == self.input.bucket and published.startswith(self.input.prefix):
            raise ValueError(
                f"{_PREFIX}OUTPUT: outputs would lie at gs://{self.output.bucket}/{published}, inside the input "
                f"{self.input}, and be taken for new videos; choose another bucket, or prefixes that are apart"
            )
        return self


_Settings = TypeVar("_Settings", bound=BaseSettings)


def _load(kind: type[_Settings]) -> _Settings:
    try:
        return kind()
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = "".join(str(part) for part in problem["loc"][:1])
        reason = str(problem["msg"]).removeprefix("Value error, ")
        if not field:
            raise BadInput(f"{reason}; set it in the environment of every Airflow process") from error
        if problem["type"] == "missing":
            reason = "is not set"
        given = f" (given: {problem['input']!r:.80})" if isinstance(problem["input"], str | int) else ""
        raise BadInput(
            f"{_PREFIX}{field.upper()}: {reason}{given}; set it in the environment of every Airflow process"
        ) from error


def load_flow_settings() -> FlowSettings:
    """Read the settings that have defaults.

    Raises:
        BadInput: a variable has a wrong value; the message names it.
    """
    return _load(FlowSettings)


def load_bucket_settings() -> BucketSettings:
    """Read where the input, the output and the work lie.

    Raises:
        BadInput: a variable is missing or wrong; the message names it.
    """
    return _load(BucketSettings)
