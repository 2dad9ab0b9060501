"""supervisord: its configuration, its start, and talking to it by XML-RPC on loopback."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import xmlrpc.client
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict

from local_stack.errors import StartFailed
from local_stack.home import Home
from local_stack.keys import Keys, write_private
from local_stack.ports import LOOPBACK, Ports
from local_stack.programs import Program, leashed

USER = "mapreel"


class ProgramState(BaseModel):
    """What supervisord says of a program."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    statename: str
    pid: int
    start: int
    """Seconds since 1970, as ``now``."""
    now: int
    logfile: str

    @property
    def is_running(self) -> bool:
        """Whether it has been up for more than a moment."""
        return self.statename == "RUNNING"

    @property
    def uptime_s(self) -> int:
        """How long it has been up."""
        return self.now - self.start if self.pid else 0


class Supervisor:
    """A supervisord that runs, or does not."""

    def __init__(self, ports: Ports, keys: Keys) -> None:
        self._address = f"http://{USER}:{keys.supervisor_password}@{LOOPBACK}:{ports.supervisor}/RPC2"

    def pid(self) -> int | None:
        """Return supervisord's process id, or ``None`` where it does not run."""
        try:
            return cast(int, self._call("getPID"))
        except (OSError, xmlrpc.client.Error):
            return None

    def states(self) -> dict[str, ProgramState]:
        """Return what it says of each program."""
        infos = cast(list[dict[str, Any]], self._call("getAllProcessInfo"))
        return {info["name"]: ProgramState.model_validate(info) for info in infos}

    def restart(self, name: str) -> None:
        """Stop a program, by force if it must be, and start it again."""
        try:
            self._call("stopProcess", name, True)
        except xmlrpc.client.Fault as fault:
            # It died by itself in this moment; starting it is what is left to do.
            if "NOT_RUNNING" not in fault.faultString:
                raise
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise

    def shut_down(self) -> None:
        """Tell it to stop all programs and itself; it does so after this call."""
        self._call("shutdown")

    def _call(self, method: str, *arguments: str | bool) -> Any:
        with xmlrpc.client.ServerProxy(self._address) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)


def write_configuration(home: Home, keys: Keys, ports: Ports, programs: list[Program]) -> None:
    """Write supervisord's configuration, which holds its password."""
    sections = {
        "supervisord": {
            "logfile": _relative(home, home.logs / "supervisord.log"),
            "logfile_maxbytes": "10MB",
            "pidfile": _relative(home, home.supervisor_pid),
            "identifier": "mapreel",
            "childlogdir": _relative(home, home.logs),
        },
        "inet_http_server": {
            "port": f"{LOOPBACK}:{ports.supervisor}",
            "username": USER,
            "password": keys.supervisor_password,
        },
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface",
        },
    }
    for program in programs:
        sections[f"program:{program.name}"] = {
            "command": shlex.join(leashed(program.argv)).replace("%", "%%"),
            "priority": str(program.start_order),
            "autorestart": "true",
            "startsecs": "3",
            "startretries": "1000",
            "stopsignal": "TERM",
            "stopasgroup": "true",
            "killasgroup": "true",
            "stopwaitsecs": str(program.stop_wait_s),
            "redirect_stderr": "true",
            "stdout_logfile": _relative(home, home.logs / f"{program.name}.log"),
            "stdout_logfile_maxbytes": "10MB",
            "stdout_logfile_backups": "2",
        }
    lines = [
        line
        for section, options in sections.items()
        for line in (f"[{section}]", *(f"{option}={value}" for option, value in options.items()), "")
    ]
    write_private(home.supervisor_conf, "\n".join(lines))


def start_supervisor(home: Home, environment: Mapping[str, str]) -> None:
    """Start supervisord in the background.

    Raises:
        StartFailed: it did not start; says why.
    """
    program = Path(sys.executable).parent / "supervisord"
    command = [str(program), "--configuration", str(home.supervisor_conf), "--directory", str(home.root)]
    # It inherits no open file of ours, or a caller that waits for the end of our output would wait for the stack's.
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, cwd=home.root, check=False)
    if done.returncode != os.EX_OK:
        raise StartFailed(f"supervisord did not start: {(done.stderr or done.stdout).strip()[-500:]}")


def _relative(home: Home, path: Path) -> str:
    """Return a path as seen from the home, where supervisord runs: it would misread a percent sign in a whole one."""
    return str(path.relative_to(home.root))
