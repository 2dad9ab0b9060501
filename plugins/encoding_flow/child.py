"""A child process in a process group of its own, which never outlives the process that started it."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence

logger = logging.getLogger(__name__)

_SETPRIV = "setpriv"
_PARENT_POLL_S = 2.0


class ChildProcess:
    """Runs a command and yields its output line by line.

    The kernel sends the child SIGTERM when this process dies, however it dies (PR_SET_PDEATHSIG, set by util-linux's
    ``setpriv``, as Python's ``preexec_fn`` is not safe beside threads). And where the process above this one dies,
    Airflow's supervisor that is, the child is ended too: nobody would take its result.

    Args:
        argv: the command.
        environment: all of its environment.
        grace_s: how long it may take to end when it is asked to.
        handed_on: file descriptors that it gets too.
    """

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], grace_s: float, *handed_on: int) -> None:
        self._grace_s = grace_s
        setpriv = shutil.which(_SETPRIV)
        bound = [setpriv, "--pdeathsig", "TERM", "--", *argv] if setpriv else list(argv)
        self._process = subprocess.Popen(
            bound,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            pass_fds=handed_on,
        )
        threading.Thread(target=self._follow_parent, args=(os.getppid(),), daemon=True).start()

    @property
    def pid(self) -> int:
        """The child's process id, which is its group's too."""
        return self._process.pid

    def read_lines(self) -> Iterator[str]:
        """Yield each line as it comes, without its end."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            yield line.rstrip("\r\n")

    def wait(self) -> int:
        """Wait for the end and return the exit status; negative where a signal ended the child."""
        return self._process.wait()

    def request_end(self) -> None:
        """Ask the group to end, and have it killed after the grace period; returns at once.

        Called from a signal handler, so it must not wait: the interrupted code may be holding Popen's own lock.
        """
        self._signal(signal.SIGTERM)
        killer = threading.Timer(self._grace_s, self._signal, [signal.SIGKILL])
        killer.daemon = True
        killer.start()

    def close(self) -> None:
        """End the group where it still runs, and wait for it."""
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            try:
                self._process.wait(self._grace_s)
            except subprocess.TimeoutExpired:
                logger.warning("Process %d did not end within %g s of SIGTERM; it is killed", self.pid, self._grace_s)
        self._signal(signal.SIGKILL)  # the group may hold more than its leader
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return

    def _follow_parent(self, parent: int) -> None:
        while self._process.poll() is None:
            if os.getppid() != parent:
                logger.error("The process that supervises this task is gone; its program is ended")
                self.request_end()
                return
            threading.Event().wait(_PARENT_POLL_S)
