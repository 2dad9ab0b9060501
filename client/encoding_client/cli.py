"""The command ``mapreel``: films in, films out, how they are doing; and the verbs of the pods, each usable by hand.

Ends with 0, or with the exit code that says whether trying again may help; the last line of stderr says why.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.filesize import decimal
from rich.table import Table

from encoding_client.desk import Desk, console, say
from encoding_client.films import OPEN_STATES, list_films, newest_runs
from encoding_client.tracking import ENCODE_DAG
from encoding_client.transfer import download, upload
from encoding_contract.errors import BadInput, MapreelError
from encoding_worker.cli import app as worker_app

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

NameArgument = Annotated[str, typer.Argument(help="The film's name in the input, as list shows it")]
ProfileOption = Annotated[str | None, typer.Option("--profile", help="A profile's name; left out: the default one")]
_OVERRIDES_HELP = """Single fields of the profile, as JSON: {"video": {"crf": 20}, "chunk_s": 60}"""
OverridesOption = Annotated[str | None, typer.Option("--overrides", help=_OVERRIDES_HELP)]
WaitOption = Annotated[bool, typer.Option("--wait", help="Stay until the film is encoded")]


@app.command()
def put(
    files: Annotated[list[Path], typer.Argument(help="Films on this machine")],
    name: Annotated[str | None, typer.Option("--name", help="Its name in the input; left out: the file's")] = None,
    profile: ProfileOption = None,
    overrides: OverridesOption = None,
    wait: WaitOption = False,
) -> None:
    """Put films into the input, and have the scan look at once."""
    with _explained():
        if name is not None and len(files) != 1:
            raise BadInput(f"--name: goes with one film, and not with {len(files)}")
        wishes = _parse_wishes(profile, overrides)
        desk = Desk()
        for path in files:
            address = desk.settings.input.address(name or path.name)
            content, was_sent = upload(desk.store, path, address)
            how = "uploaded as" if was_sent else "is there already, the same content:"
            say(f"{path}: {decimal(content.size_bytes)}, crc32c {content.crc32c}, {how} {address.url}")
            desk.scan(address, wishes, wait)


@app.command("list")
def list_command(
    prefix: Annotated[str, typer.Argument(help="What the names begin with; left out: all")] = "",
) -> None:
    """List the films of the input: state, and output where there is one."""
    with _explained():
        desk = Desk()
        runs = newest_runs(desk.airflow.runs(ENCODE_DAG, OPEN_STATES))
        table = Table("film", "size", "state", "output", "profile", box=None, pad_edge=False)
        for film in list_films(desk.store, desk.settings.input, desk.settings.output, prefix, runs):
            shown = film.source.name.removeprefix(desk.settings.input.prefix)
            output = film.output.url if film.output else ""
            table.add_row(shown, decimal(film.content.size_bytes), film.state.value, output, film.profile)
        if table.row_count:
            console.print(table)
        else:
            say(f"There is nothing in {desk.settings.input}{prefix}; put a film there: mapreel put film.mkv")


@app.command()
def get(
    name: NameArgument,
    to: Annotated[Path, typer.Option("--to", help="A folder, or the file that it shall be")] = Path(),
) -> None:
    """Fetch a film's output and its report, held against their checksums."""
    with _explained():
        desk = Desk()
        output = desk.output_of(name)
        path, content = download(desk.store, output, to)
        say(f"{path}: {decimal(content.size_bytes)}, crc32c {content.crc32c}, from {output.url}")


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(help="A film's name; left out: all under way or failed")] = None,
) -> None:
    """Say how far a film is: chunks done of all, or the line that says why it failed."""
    with _explained():
        desk = Desk()
        if name is None:
            runs = desk.open_runs()
        else:
            source = desk.find_source(name)
            runs = [run for run in [desk.newest_run(source)] if run is not None]
            if not runs:
                raise BadInput(f"{source.url}: has had no run; the next scan looks at it, or: mapreel reprocess {name}")
        for run in runs:
            say(f"{(run.conf or {}).get('source', run.dag_run_id)}: {desk.describe(run)}")
        if not runs:
            say("Nothing is under way, and nothing has failed.")


@app.command()
def reprocess(
    name: NameArgument, profile: ProfileOption = None, overrides: OverridesOption = None, wait: WaitOption = False
) -> None:
    """Encode a film again; finished chunks whose inputs are the same are taken over."""
    with _explained():
        wishes = _parse_wishes(profile, overrides)
        desk = Desk()
        address = desk.find_source(name)
        run_id = desk.airflow.trigger(ENCODE_DAG, {**wishes, "source": address.url, "reprocess": True})
        say(f"{address.url}: run {run_id} of {ENCODE_DAG} is started")
        if wait:
            desk.follow(run_id)
            say(f"{address.url}: {desk.describe(desk.airflow.run(ENCODE_DAG, run_id))}")


def _parse_wishes(profile: str | None, overrides: str | None) -> dict[str, Any]:
    """Return the parameters of a run; Airflow's side checks what is in them."""
    wishes: dict[str, Any] = {} if profile is None else {"profile": profile}
    if overrides is not None:
        try:
            fields = json.loads(overrides)
        except ValueError as error:
            raise BadInput(f"--overrides: is not JSON ({error}): {overrides}") from error
        if not isinstance(fields, dict):
            raise BadInput(f"--overrides: expected single fields of the profile, found {overrides}")
        wishes["overrides"] = fields
    return wishes


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except MapreelError as error:
        print(f"mapreel: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        raise typer.Exit(error.exit_code.value) from error


app.add_typer(worker_app)


def main() -> None:
    """Run the command line."""
    app()
