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
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from encoding_client.airflow_client import AirflowClient, DagRun
from encoding_client.films import OPEN_STATES, find_output, list_films, newest_runs
from encoding_client.screen import Screen, describe
from encoding_client.settings import ClientSettings, load_client_settings
from encoding_client.tracking import ENCODE_DAG, RunTracker
from encoding_client.transfer import download, upload
from encoding_client.watching import Watch
from encoding_contract.errors import BadInput, MapreelError, TransientFault
from encoding_contract.job import ObjectAddress
from encoding_worker.cli import app as worker_app
from encoding_worker.store import Store

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
console = Console(highlight=False, soft_wrap=True)

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
            _say(f"{path}: {decimal(content.size_bytes)}, crc32c {content.crc32c}, {how} {address.url}")
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
            _say(f"There is nothing in {desk.settings.input}{prefix}; put a film there: mapreel put film.mkv")


@app.command()
def get(
    name: NameArgument,
    to: Annotated[Path, typer.Option("--to", help="A folder, or the file that it shall be")] = Path(),
) -> None:
    """Fetch a film's output and its report, held against their checksums."""
    with _explained():
        desk = Desk()
        path, content = download(desk.store, desk.output_of(name), to)
        _say(f"{path}: {decimal(content.size_bytes)}, crc32c {content.crc32c}, from {desk.output_of(name).url}")


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(help="A film's name; left out: all under way or failed")] = None,
) -> None:
    """Say how far a film is: chunks done of all, or the line that says why it failed."""
    with _explained():
        desk = Desk()
        if name is None:
            runs = list(newest_runs(desk.airflow.runs(ENCODE_DAG, OPEN_STATES)).values())
        else:
            source = desk.find_source(name)
            runs = [run for run in [desk.newest_run(source)] if run is not None]
            if not runs:
                raise BadInput(f"{source.url}: has had no run; the next scan looks at it, or: mapreel reprocess {name}")
        for run in runs:
            _say(f"{(run.conf or {}).get('source', run.dag_run_id)}: {desk.describe(run)}")
        if not runs:
            _say("Nothing is under way, and nothing has failed.")


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
        _say(f"{address.url}: run {run_id} of {ENCODE_DAG} is started")
        if wait:
            desk.follow(run_id)
            _say(f"{address.url}: {desk.describe(desk.airflow.run(ENCODE_DAG, run_id))}")


class Desk:
    """Settings, the buckets, and Airflow, which is asked for only where it is needed."""

    def __init__(self) -> None:
        self.settings: ClientSettings = load_client_settings()
        self.store = Store()
        self._airflow: AirflowClient | None = None

    @property
    def airflow(self) -> AirflowClient:
        """Airflow's API, logged in."""
        if self._airflow is None:
            self._airflow = self.settings.open_airflow()
        return self._airflow

    def find_source(self, name: str) -> ObjectAddress:
        """Return a film's address.

        Raises:
            BadInput: there is no such film.
        """
        address = self.settings.input.address(name)
        if self.store.stat(address) is None:
            raise BadInput(f"{address.url}: there is no such film; mapreel list shows what there is")
        return address

    def output_of(self, name: str) -> ObjectAddress:
        """Return where a film's output lies.

        Raises:
            BadInput: there is no such film, or none of it yet.
            TransientFault: it is being encoded.
        """
        output_place = self.settings.output
        source = self.settings.input.address(name)
        standing = self.store.stat(source)
        # A source that is gone still has its output.
        found = find_output(self.store, output_place, source.name, standing[0] if standing else None)
        if found is not None:
            return ObjectAddress(bucket=output_place.bucket, name=found[0])
        if standing is None:
            raise BadInput(f"{source.url}: there is no such film; mapreel list shows what there is")
        run = self.newest_run(source)
        told = "waits for the next scan" if run is None else self.describe(run)
        raise (BadInput if run is not None and run.state == "failed" else TransientFault)(
            f"{source.url}: has no output yet: {told}"
        )

    def newest_run(self, source: ObjectAddress) -> DagRun | None:
        """Return the newest encoding run of a film."""
        return next(
            (run for run in self.airflow.runs(ENCODE_DAG) if (run.conf or {}).get("source") == source.url), None
        )

    def describe(self, run: DagRun) -> str:
        """Return how a run is doing, in one line."""
        if run.state == "failed":
            return f"failed: {self._watch().failure(run)}"
        snapshot = RunTracker(self.airflow, self.store.read, run.dag_run_id).snapshot()
        stage = "done" if run.is_over else "queued" if run.state == "queued" else snapshot.stage
        figures = describe(snapshot)
        return f"{stage}, {figures}" if figures else stage

    def scan(self, address: ObjectAddress, wishes: dict[str, Any], wait: bool) -> None:
        """Have the scan look at one film; where wanted, stay until it is encoded."""
        # A film that stands, made by another profile, is stale and not new: who names a profile wants it made.
        wishes = {**wishes, "reprocess": True} if wishes else {}
        prefix = self.settings.input.prefix
        if not wait:
            run_id = self._watch().start_scan(address, prefix, **wishes)
            _say(f"{address.url}: scan {run_id} looks at it; see: mapreel status {address.name.removeprefix(prefix)}")
            return
        with Screen(console) as screen:
            watch = self._watch(screen)
            before = {run.dag_run_id for run in watch.runs_of(address)}
            scan = watch.await_scan(watch.start_scan(address, prefix, **wishes))
            runs = watch.runs_of(address)
            started = [run for run in runs if run.dag_run_id not in before or not run.is_over]
            if started:
                watch.follow(started[0].dag_run_id)
            elif runs and runs[0].state == "failed":
                raise watch.failure(runs[0])
            elif find_output(self.store, self.settings.output, address.name, None) is None:
                raise BadInput(f"{address.url}: the scan started nothing for it: {watch.why_skipped(scan)}")
        _say(f"{address.url}: encoded as {self.output_of(address.name.removeprefix(prefix)).url}")

    def follow(self, run_id: str) -> None:
        """Show a run until it is over."""
        with Screen(console) as screen:
            self._watch(screen).follow(run_id)

    def _watch(self, screen: Screen | None = None) -> Watch:
        return Watch(self.airflow, self.store.read, screen or Screen(console))


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


def _say(line: str) -> None:
    console.print(line, markup=False)


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
