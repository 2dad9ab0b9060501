"""The watcher: restarts an Airflow component that lives but no longer works.

supervisord sees only whether a process exists. A scheduler whose database was locked away from it may hang for ever,
while the web page stays up; what tells is the heartbeat that each component writes. This is a program of its own
under supervisord, and the last to go: when supervisord is killed, it ends what is left of the stack.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from datetime import UTC, datetime

import httpx

from encoding_client.airflow_client import Health, fetch_health
from local_stack.executor_workers import ExecutorWorkers
from local_stack.home import Home
from local_stack.keys import load_keys
from local_stack.ports import remembered_ports
from local_stack.programs import API_SERVER, DAG_PROCESSOR, SCHEDULER, TRIGGERER
from local_stack.settings import StackSettings
from local_stack.supervisor import ProgramState, Supervisor
from local_stack.sweep import end_idle_orphans, sweep

logger = logging.getLogger(__name__)

COMPONENTS = {"scheduler": SCHEDULER, "dag_processor": DAG_PROCESSOR, "triggerer": TRIGGERER}
"""The component's name in Airflow's answer, and the program's name here."""

CHECK_EVERY_S = 5.0
# A machine that was asleep finds every heartbeat old when it wakes: look again before doing anything.
STRIKES = 3


class Watch:
    """Counts how often in a row each program was found without a pulse."""

    def __init__(self, old_s: float, grace_s: float) -> None:
        self._old_s, self._grace_s = old_s, grace_s
        self._strikes: dict[str, int] = {}

    def judge(self, health: dict[str, Health] | None, states: dict[str, ProgramState], now: datetime) -> dict[str, str]:
        """Return the programs to restart, each with the reason.

        Args:
            health: Airflow's answer; ``None`` where the API server gave none.
            states: supervisord's view of the programs.
            now: the time, with a zone.
        """
        complaints = _complaints(health, now, self._old_s)
        grown_up = {name for name, state in states.items() if state.is_running and state.uptime_s > self._grace_s}
        self._strikes = {name: self._strikes.get(name, 0) + 1 for name in complaints if name in grown_up}
        due = {name: complaints[name] for name, strikes in self._strikes.items() if strikes >= self._limit(name)}
        for name in due:
            del self._strikes[name]
        return due

    def _limit(self, name: str) -> int:
        # Of the API server there is no age, only one missing answer after the other: they must add up to as much.
        return STRIKES if name != API_SERVER else max(STRIKES, round(self._old_s / CHECK_EVERY_S))


def _complaints(health: dict[str, Health] | None, now: datetime, old_s: float) -> dict[str, str]:
    if health is None:
        return {API_SERVER: "does not answer its health endpoint"}
    complaints = {}
    for component, program in COMPONENTS.items():
        heartbeat = health[component].heartbeat if component in health else None
        if heartbeat is None:
            complaints[program] = "never had a heartbeat"
        elif (age_s := (now - datetime.fromisoformat(heartbeat)).total_seconds()) > old_s:
            complaints[program] = f"last heartbeat {age_s:.0f} s ago"
    return complaints


def _ask_health(airflow_url: str) -> dict[str, Health] | None:
    try:
        return fetch_health(airflow_url, timeout_s=10.0)
    except httpx.HTTPError as error:
        logger.info("health: %s", error)
        return None


def main() -> int:
    """Watch until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = StackSettings()
    home = Home(settings.home)
    keys, ports = load_keys(home), remembered_ports(home)
    if ports is None:
        logger.error("%s: no stack was ever started here", home.root)
        return 1
    supervisor, told_to_stop = Supervisor(ports, keys), threading.Event()
    watch = Watch(settings.heartbeat_old_s, settings.heartbeat_grace_s)
    parent, scheduler, workers = os.getppid(), 0, ExecutorWorkers()
    signal.signal(signal.SIGTERM, lambda *_: told_to_stop.set())
    while not told_to_stop.wait(CHECK_EVERY_S):
        health = _ask_health(ports.airflow_url)
        try:
            states = supervisor.states()
            due = watch.judge(health, states, datetime.now(UTC))
            for name, reason in due.items():
                logger.warning("%s: %s; restarting it", name, reason)
                supervisor.restart(name)
            if lost := workers.lost(states[SCHEDULER].pid):
                logger.warning("%s: %d workers of its executor were killed; killing it too", SCHEDULER, lost)
                # Asked to stop, it would wait for workers that wait for a lock for ever. Encodes that run go on.
                os.kill(states[SCHEDULER].pid, signal.SIGKILL)
            elif states[SCHEDULER].pid != scheduler:
                scheduler = states[SCHEDULER].pid
                if ended := end_idle_orphans(keys.stack_id):
                    logger.info("the scheduler is a new one; ended %d idle workers of the last one", ended)
        except OSError as error:
            logger.warning("supervisord does not answer: %s", error)
        if os.getppid() != parent:
            break
    if os.getppid() != parent:
        # Nobody is left to stop the others: their own shutdown would wait for running encodes.
        logger.warning("supervisord was killed; ending what is left of the stack")
        sweep(keys.stack_id)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
