"""The command line: ``python -m local_stack up|down|status|env|demo``."""

from __future__ import annotations

import logging
import shlex
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from encoding_client.airflow_client import AirflowClient
from encoding_client.screen import Screen
from encoding_contract.errors import MapreelError
from local_stack.buckets import open_storage
from local_stack.clip import CLIP_CHUNK_S, make_clip
from local_stack.closing import show_result
from local_stack.demo import Demo, DemoRequest, DemoResult
from local_stack.environment import INPUT_BUCKET, OUTPUT_BUCKET
from local_stack.errors import DemoFailed, StackError
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
        log = stack.home.root / state.logfile
        table.add_row(state.name, state.statename.lower(), str(state.pid), f"{state.uptime_s} s", str(log))
    console.print(table)
    show_addresses(running, stack)


@app.command("env")
def print_settings() -> None:
    """Print what the program mapreel needs to reach the stack: eval "$(python -m local_stack env)"."""
    stack = Stack(StackSettings())
    running = stack.running()
    if running is None:
        complaints.print(f"Nothing runs for {stack.home.root}; start it with: make up", soft_wrap=True)
        raise typer.Exit(3)
    for name, value in client_settings(running).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def demo(
    video: Annotated[Path | None, typer.Argument(help="A film; left out: a clip is made")] = None,
    profile: Annotated[str | None, typer.Option(help="A profile's name; left out: the default one")] = None,
    chunk_s: Annotated[float | None, typer.Option(help="Length of a chunk; the clip's: 10 s")] = None,
    keep: Annotated[bool, typer.Option(help="Let everything run on until Ctrl-C")] = True,
) -> None:
    """Take one film from end to end, before one's eyes."""
    stack = Stack(StackSettings())
    if video is not None and not video.is_file():
        raise DemoFailed(f"{video}: there is no such file; name a film: make demo VIDEO=path/to/film.mkv")
    running: RunningStack | None = None
    # A plain kill ends the demo as Ctrl-C does, or the stack would be left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Screen(console) as screen:
            running = stack.up(screen.say)
            result = encode_film(stack, running, screen, video, profile, chunk_s)
        show_result(console, result)
        show_addresses(running, stack)
        if not running.was_running:
            if keep:
                console.print("Everything runs on until Ctrl-C.")
                signal.pause()
            console.print("Stopping it now; make up starts it again, with all that it has made.")
    except KeyboardInterrupt:
        console.print("Stopping. What is done is kept: the next start goes on from there.")
    finally:
        if running is None or not running.was_running:
            stack.down(lambda _: None)


def encode_film(
    stack: Stack, running: RunningStack, screen: Screen, video: Path | None, profile: str | None, chunk_s: float | None
) -> DemoResult:
    """Encode a film of the user's, or the clip."""
    if video is None:
        screen.say("making a clip of one minute")
        video, chunk_s = make_clip(stack.home.demo), chunk_s or CLIP_CHUNK_S
    request = DemoRequest(video=video.absolute(), profile=profile, chunk_s=chunk_s)
    with AirflowClient(running.ports.airflow_url, running.keys.admin_password) as client:
        return Demo(client, open_storage(running.ports.storage_url), screen, stack.home).encode(request)


def client_settings(running: RunningStack) -> dict[str, str]:
    """Return the environment in which ``mapreel put`` and the others find the stack."""
    return {
        "MAPREEL_INPUT": f"gs://{INPUT_BUCKET}",
        "MAPREEL_OUTPUT": f"gs://{OUTPUT_BUCKET}",
        "STORAGE_EMULATOR_HOST": running.ports.storage_url,
        "MAPREEL_AIRFLOW_URL": running.ports.airflow_url,
        "MAPREEL_AIRFLOW_PASSWORD": running.keys.admin_password,
    }


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
    except (StackError, MapreelError) as error:
        if isinstance(error, DemoFailed) and error.log is not None:
            console.print(f"Log: {error.log}", soft_wrap=True, markup=False)
        complaints.print(str(error), soft_wrap=True, markup=False)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
