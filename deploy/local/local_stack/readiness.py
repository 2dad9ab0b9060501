"""Waiting until the stack's parts answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import httpx
import tenacity

from encoding_client.airflow_client import fetch_health
from local_stack.errors import StartFailed
from local_stack.heartbeats import COMPONENTS
from local_stack.home import Home
from local_stack.ports import Ports
from local_stack.programs import API_SERVER
from local_stack.supervisor import Supervisor

SUPERVISOR_TIMEOUT_S = 15
# Half a minute on two free cores; ten times as long on cores that everybody wants.
READY_TIMEOUT_S = 420

_Found = TypeVar("_Found")


def await_supervisor(supervisor: Supervisor, home: Home) -> int:
    """Wait until supervisord answers; return its process id.

    Raises:
        StartFailed: it did not answer in time.
    """
    pid = _until(supervisor.pid, lambda found: found is not None, SUPERVISOR_TIMEOUT_S, every_s=0.1)
    if pid is None:
        raise StartFailed(
            f"supervisord did not answer in {SUPERVISOR_TIMEOUT_S} s; see {home.logs / 'supervisord.log'}"
        )
    return pid


def await_airflow(ports: Ports, supervisor: Supervisor, home: Home) -> None:
    """Wait until every component of Airflow has a heartbeat.

    Raises:
        StartFailed: one has none in time; says which, and where its log is. Or nothing is there to wait for.
    """

    def look() -> list[str] | None:
        return unhealthy_programs(ports.airflow_url) if supervisor.pid() is not None else None

    late = _until(look, lambda found: not found, READY_TIMEOUT_S, every_s=0.5)
    if late is None:
        raise StartFailed(f"supervisord was killed while Airflow started; see {home.logs / 'supervisord.log'}")
    if late:
        logs = ", ".join(str(home.logs / f"{name}.log") for name in late)
        raise StartFailed(f"{' and '.join(late)} did not come up in {READY_TIMEOUT_S} s; see {logs}")


def unhealthy_programs(airflow_url: str) -> list[str]:
    """Return the programs of Airflow that do not answer, or whose heartbeat is missing or old."""
    try:
        health = fetch_health(airflow_url)
    except httpx.HTTPError:
        return [API_SERVER]
    return [
        program
        for component, program in COMPONENTS.items()
        if component not in health or health[component].status != "healthy"
    ]


def _until(look: Callable[[], _Found], is_enough: Callable[[_Found], bool], timeout_s: float, every_s: float) -> _Found:
    """Look again and again until it is enough; return the last find, whether it is enough or not."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda found: not is_enough(found)),
        stop=tenacity.stop_after_delay(timeout_s),
        wait=tenacity.wait_fixed(every_s),
        # Out of time: hand out what was seen last, which says what is missing.
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )(look)
