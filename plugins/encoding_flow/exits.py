"""How an error of ours, or the exit of a worker's program, ends an Airflow task: failed for good, or tried again.

The one place that maps exit codes to Airflow's exceptions, for both runtimes.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from encoding_contract.errors import ExitCode, MapreelError, is_exit_retried
from encoding_contract.lines import one_line


def raise_for_exit(status: int, doing: str, error_line: str = "") -> None:
    """Raise what a program's exit status means to Airflow; return where it succeeded.

    Args:
        status: the exit status; negative where a signal ended the program.
        doing: the verb and what it worked on, for the message.
        error_line: the program's last word, where it left one.

    Raises:
        AirflowFailException: doing it again cannot help.
        AirflowException: it may help.
    """
    if status == ExitCode.SUCCESS:
        return
    reason = one_line(error_line) or "left no error line; its log is above"
    kind = AirflowException if is_exit_retried(status) else AirflowFailException
    raise kind(f"{doing}: {name_exit(status)}: {reason}")


def name_exit(status: int) -> str:
    """Return an exit status in words."""
    number = -status if status < 0 else status - 128
    if status in {code.value for code in ExitCode}:
        return f"exit {status} ({ExitCode(status).name.lower().replace('_', ' ')})"
    if number in {known.value for known in signal.Signals}:
        return f"ended by {signal.Signals(number).name}"
    return f"exit {status} (not one of ours)"


@contextmanager
def failing_task() -> Iterator[None]:
    """Turn an error of the contract, raised inside, into one line that Airflow acts upon.

    Raises:
        AirflowFailException: doing it again cannot help.
        AirflowException: it may help.
    """
    try:
        yield
    except MapreelError as error:
        kind = AirflowException if error.exit_code.is_retried else AirflowFailException
        raise kind(f"{type(error).__name__}: {error}") from error
