"""The local runtime: a worker's program as a child process of the Airflow task."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context

from encoding_contract.command import PROGRAM, Command, Verb
from encoding_contract.errors import BadInput
from encoding_flow.child import ChildProcess
from encoding_flow.clearing import forget_cleared_result
from encoding_flow.exits import failing_task, raise_for_exit
from encoding_flow.parallelism import Parallelism, count_cpus
from encoding_flow.settings import FlowSettings, load_flow_settings

_GRACE_S = 30.0
"""The worker stops ffmpeg and removes its scratch within a few seconds; Kubernetes gives a pod as long."""

_THREADS_VARIABLE = "MAPREEL_THREADS"
_LAST_WORD_VARIABLE = "MAPREEL_TERMINATION_LOG"


class LocalVerb(BaseOperator):
    """Runs one verb of the worker on this machine, its output in the task's log.

    Args:
        verb: what to do.
        job_url: the job's address (templated).
        chunk: which chunk, with ``Verb.ENCODE`` only.
        chunk_label: what the grid shows for a mapped instance.
    """

    template_fields: Sequence[str] = ("job_url", "chunk", "chunk_label")
    ui_color = "#d9ead3"

    def __init__(
        self,
        *,
        verb: Verb,
        job_url: str,
        chunk: int | None = None,
        chunk_label: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.verb = verb
        self.job_url = job_url
        self.chunk = chunk
        self.chunk_label = chunk_label
        self._child: ChildProcess | None = None

    def execute(self, context: Context) -> None:
        """Run the program to its end.

        Raises:
            AirflowFailException: doing it again cannot help.
            AirflowException: it may help.
        """
        command = Command(verb=Verb(self.verb), job_url=self.job_url, chunk=self.chunk)
        with failing_task():
            forget_cleared_result(command, context["ti"], self.retries or 0, context["task_state_store"])
            settings = load_flow_settings()
            argv = [str(find_program(settings)), *command.to_argv()[1:]]
            slots = Parallelism.parse(settings.parallelism).count_slots(count_cpus())
        # Without a name on disk, so that a task that is killed leaves nothing behind.
        with tempfile.TemporaryFile() as last_word:
            environment = {**os.environ, _LAST_WORD_VARIABLE: f"/dev/fd/{last_word.fileno()}"}
            if command.verb is Verb.ENCODE:
                # As many encoders run at a time as the pool has slots; together they take all CPUs. The other verbs
                # run alone in their film, and take the worker's default, which is all CPUs.
                # An empty variable is none, as docker-compose.yaml hands it on.
                share = str(max(1, count_cpus() // slots))
                environment[_THREADS_VARIABLE] = environment.get(_THREADS_VARIABLE) or share
            self.log.info("Running %s", " ".join(argv))
            self._child = ChildProcess(argv, environment, _GRACE_S, last_word.fileno())
            try:
                for line in self._child.read_lines():
                    self.log.info("%s", line)
                status = self._child.wait()
            finally:
                self._child.close()
            last_word.seek(0)
            said = last_word.read().decode("utf-8", errors="replace")
        doing = f"{command.verb.value} of {command.job_url}" + ("" if self.chunk is None else f", chunk {self.chunk}")
        raise_for_exit(status, doing, said)

    def on_kill(self) -> None:
        """End the program: the task was cleared, marked, timed out or its worker is stopping."""
        if self._child is not None:
            self.log.warning("Ending process %d: this task is being ended", self._child.pid)
            self._child.request_end()


def find_program(settings: FlowSettings) -> Path:
    """Return where the worker's program is.

    Raises:
        BadInput: it is not installed.
    """
    program = settings.program or Path(sys.executable).with_name(PROGRAM)
    if not program.exists():
        raise BadInput(
            f"{program}: there is no such program; install Mapreel's worker beside Airflow, "
            "or set MAPREEL_PROGRAM to where it is"
        )
    return program
