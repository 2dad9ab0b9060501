"""What every verb has at hand: the settings, the buckets, Airflow; and what a run or a film is said to be."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from encoding_client.airflow_client import AirflowClient, DagRun
from encoding_client.films import OPEN_STATES, find_output, newest_runs
from encoding_client.screen import Screen, describe
from encoding_client.settings import ClientSettings, load_client_settings
from encoding_client.tracking import ENCODE_DAG, RunTracker
from encoding_client.watching import Watch
from encoding_contract.errors import BadInput, TransientFault
from encoding_contract.job import ObjectAddress, parse_gs_url
from encoding_worker.store import Store

console = Console(highlight=False, soft_wrap=True)


def say(line: str) -> None:
    """Print a line as it is."""
    console.print(line, markup=False)


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

    def open_runs(self) -> list[DagRun]:
        """Return the newest run of each film that is under way, or has failed and left it without an output."""
        runs = newest_runs(self.airflow.runs(ENCODE_DAG, OPEN_STATES))
        return [run for url, run in runs.items() if run.state != "failed" or not self._is_encoded(url)]

    def _is_encoded(self, source_url: str) -> bool:
        source = parse_gs_url(source_url)
        standing = self.store.stat(source)
        return (
            standing is not None and find_output(self.store, self.settings.output, source.name, standing[0]) is not None
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
            say(f"{address.url}: scan {run_id} looks at it; see: mapreel status {address.name.removeprefix(prefix)}")
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
        say(f"{address.url}: encoded as {self.output_of(address.name.removeprefix(prefix)).url}")

    def follow(self, run_id: str) -> None:
        """Show a run until it is over."""
        with Screen(console) as screen:
            self._watch(screen).follow(run_id)

    def _watch(self, screen: Screen | None = None) -> Watch:
        return Watch(self.airflow, self.store.read, screen or Screen(console))
