"""SIGTERM: the running ffmpeg is stopped, and the program ends as a transient fault.

Never with success: after a re-attach Airflow would read that as a finished result.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from encoding_contract.errors import TransientFault

_GRACE_S = 5


class Interruption:
    """Whether this process was told to stop, and which children it has to stop then."""

    def __init__(self) -> None:
        self._children: list[subprocess.Popen[bytes]] = []
        self._signal: signal.Signals | None = None

    def install(self) -> None:
        """Take SIGTERM and SIGINT from now on; only in a program's main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signal = signal.Signals(number)
        if not self._children:
            self.check()
        for child in self._children:
            child.terminate()
            # An encoder deep in its work does not answer a TERM at once; the pod's grace period is not ours to waste.
            timer = threading.Timer(_GRACE_S, child.kill)
            timer.daemon = True
            timer.start()

    @contextmanager
    def stops(self, child: subprocess.Popen[bytes]) -> Iterator[None]:
        """Have this child stopped when the signal comes while the block runs."""
        self._children.append(child)
        if self._signal is not None:
            child.terminate()  # another thread began it as the signal came
        try:
            yield
        finally:
            self._children.remove(child)

    def check(self) -> None:
        """Raise where the signal has come.

        Raises:
            TransientFault: names the signal.
        """
        if self._signal is not None:
            raise TransientFault(f"stopped by {self._signal.name}; it is tried again, unless somebody ended the task")


interruption = Interruption()
