"""What can go wrong with the stack.

::

    StackError
    ├── StartFailed    the stack did not come up, or did not answer in time
    └── DemoFailed     the demo's film did not come out
"""

from __future__ import annotations

from pathlib import Path


class StackError(Exception):
    """The root. Its message is one line for a person: what, which one, and what to do next."""


class StartFailed(StackError):
    """The stack did not come up, or did not answer in time."""


class DemoFailed(StackError):
    """The demo's film did not come out.

    Args:
        message: the one line that says why.
        log: the failed task's log, where there is one.
    """

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log
