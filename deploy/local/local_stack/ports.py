"""The ports of one stack: free ones, chosen once and remembered, or those that the environment names."""

from __future__ import annotations

import logging
import random
import socket

from pydantic import BaseModel, ConfigDict

from local_stack.errors import StartFailed
from local_stack.home import Home
from local_stack.settings import StackSettings

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"

# Below the range from which the kernel takes ports for outgoing connections, or a remembered one could be in use.
_CHOICE = range(20_000, 32_000)


class Ports(BaseModel):
    """Where each server of the stack listens, on loopback."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    airflow: int
    storage: int
    supervisor: int

    @property
    def airflow_url(self) -> str:
        """The address of Airflow's pages and API."""
        return f"http://{LOOPBACK}:{self.airflow}"

    @property
    def storage_url(self) -> str:
        """The address of the emulated Cloud Storage."""
        return f"http://{LOOPBACK}:{self.storage}"

    @property
    def supervisor_url(self) -> str:
        """The address of supervisord's XML-RPC."""
        return f"http://{LOOPBACK}:{self.supervisor}"


def remembered_ports(home: Home) -> Ports | None:
    """Return the ports that the stack used last, or ``None`` before its first start."""
    return Ports.model_validate_json(home.ports.read_text()) if home.ports.exists() else None


def choose_ports(home: Home, settings: StackSettings) -> Ports:
    """Choose a port for each server, the remembered ones if they are still free, and remember them.

    Raises:
        StartFailed: a port that the environment names is taken.
    """
    wanted = {"airflow": settings.port_airflow, "storage": settings.port_storage}
    wanted["supervisor"] = settings.port_supervisor
    before = remembered_ports(home)
    chosen: dict[str, int] = {}
    for name, fixed in wanted.items():
        if fixed is not None:
            if not is_free(fixed):
                raise StartFailed(
                    f"port {fixed} (MAPREEL_PORT_{name.upper()}) is taken; name another one, or leave the variable out"
                )
            chosen[name] = fixed
            continue
        kept = getattr(before, name, None)
        chosen[name] = kept if kept is not None and is_free(kept) else _free_port(set(chosen.values()))
        if kept not in (None, chosen[name]):
            logger.warning("port %d of %s is taken by another program now; %d is used", kept, name, chosen[name])
    ports = Ports(**chosen)
    # Whole or not at all, whenever this process is killed.
    part = home.ports.with_name(home.ports.name + ".part")
    part.write_text(ports.model_dump_json() + "\n")
    part.replace(home.ports)
    return ports


def is_free(port: int) -> bool:
    """Whether a server could listen on a port of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections that the last start left in TIME_WAIT do not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _free_port(taken: set[int]) -> int:
    for port in random.sample(_CHOICE, len(_CHOICE)):
        if port not in taken and is_free(port):
            return port
    raise StartFailed(f"no port is free on {LOOPBACK} between {_CHOICE.start} and {_CHOICE.stop}")


def loopback_host() -> str:
    """Return the name under which Airflow's components know this machine (``[core] hostname_callable``)."""
    return "localhost"
