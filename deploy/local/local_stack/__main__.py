"""The command line: ``python -m local_stack up|down|status|demo``."""

from __future__ import annotations

import logging

import typer
from rich.console import Console
from rich.table import Table

from local_stack.errors import StackError
from local_stack.keys import ADMIN
from local_stack.settings import StackSettings
from local_stack.stack import RunningStack, Stack

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
console = Console(highlight=False)
complaints = Console(stderr=True, highlight=False, style="red")


@app.command()
def up() -> None:
    """Start the stack, and wait until it answers; where it runs already, say so."""
    stack = Stack(StackSettings())
    with console.status("looking") as status:
        running = stack.up(lambda what: status.update(f"{what} ..."))
    show_addresses(running, stack)


@app.command()
def down() -> None:
    """Stop everything; objects, runs and logs stay."""
    stack = Stack(StackSettings())
    with console.status("looking") as status:
        ended = stack.down(lambda what: status.update(f"{what} ..."))
    console.print(f"Stopped: {ended} processes." if ended else f"Nothing runs for {stack.home.root}.")


@app.command()
def status() -> None:
    """Say what runs; exit code 3 where nothing does."""
    stack = Stack(StackSettings())
    running = stack.running()
    if running is None:
        console.print(f"Nothing runs for {stack.home.root}; start it with: make up")
        raise typer.Exit(3)
    table = Table("program", "state", "pid", "up for", "log", box=None, pad_edge=False)
    for state in stack.states().values():
        table.add_row(state.name, state.statename.lower(), str(state.pid), f"{state.uptime_s} s", state.logfile)
    console.print(table)
    show_addresses(running, stack)


def show_addresses(running: RunningStack, stack: Stack) -> None:
    """Print where the stack is reached."""
    state = "Already running" if running.was_running else "Running"
    console.print(f"{state}: supervisord pid {running.pid}, everything in {stack.home.root}", soft_wrap=True)
    login = f"login {ADMIN}, password {running.keys.admin_password}"
    console.print(f"Airflow: {running.ports.airflow_url}  {login}", soft_wrap=True)
    console.print(f"Storage: STORAGE_EMULATOR_HOST={running.ports.storage_url}", soft_wrap=True)


def main() -> None:
    """Run the command; what goes wrong on purpose is one line and exit code 1."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        app()
    except StackError as error:
        complaints.print(str(error), soft_wrap=True, markup=False)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
