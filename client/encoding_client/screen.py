"""Live progress on a terminal; plain lines, one for each change, where there is none."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from encoding_client.tracking import Snapshot


class Screen:
    """Shows snapshots until it is left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last_line = ""
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("waiting", total=None, figures="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, what: str) -> None:
        """Show what happens now."""
        self._bar.update(self._task, description=what, figures="")
        self._print_once(what)

    def show(self, snapshot: Snapshot) -> None:
        """Show how far a run is."""
        figures = describe(snapshot)
        total = snapshot.media_total_s or None
        self._bar.update(
            self._task, description=snapshot.stage, total=total, completed=snapshot.media_done_s, figures=figures
        )
        stable = f"{snapshot.stage}: chunks {snapshot.chunks_done} of {snapshot.chunks_total}"
        if stable != self._last_line:
            self._last_line = stable
            if not self._console.is_terminal:
                self._console.print(f"  {snapshot.stage}{': ' if figures else ''}{figures}", soft_wrap=True)

    def _print_once(self, line: str) -> None:
        if line != self._last_line:
            self._last_line = line
            if not self._console.is_terminal:
                self._console.print(f"  {line}", soft_wrap=True)


def describe(snapshot: Snapshot) -> str:
    """Return a snapshot's figures in one line: chunks done of total, speed, time left."""
    if snapshot.chunks_total is None:
        return ""
    parts = [f"chunks {snapshot.chunks_done} of {snapshot.chunks_total}"]
    if snapshot.chunks_running:
        parts.append(f"{snapshot.chunks_running} running")
    if snapshot.speed is not None:
        parts.append(f"{snapshot.speed:.1f}x real time")
    if snapshot.eta_s:
        parts.append(f"{snapshot.eta_s:.0f} s left")
    return ", ".join(parts)
