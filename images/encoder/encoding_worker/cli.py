"""The command ``mapreel``: a pod's verbs, each usable by hand.

Ends with the exit code that tells Airflow whether to try again; the last line of stderr says why. Each verb imports
what it alone needs: of a short chunk, starting the program is most of the work.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from encoding_contract.command import Verb
from encoding_contract.errors import ExitCode, MapreelError
from encoding_contract.lines import one_line
from encoding_contract.objects import JobObjects
from encoding_worker import settings
from encoding_worker.hanging import hang_watch
from encoding_worker.interruption import interruption
from encoding_worker.memory import give_back_blocks
from encoding_worker.scratch import remove_scratch, scratch_folder
from encoding_worker.store import Store
from encoding_worker.task import Task, load_job, program_version

logger = logging.getLogger("mapreel")

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

JobOption = Annotated[str, typer.Option("--job", help="The job document: gs://WORK/jobs/ID/job.json")]
ChunkOption = Annotated[int, typer.Option("--chunk", min=0, help="The chunk's index in the plan")]


@app.command(Verb.SPLIT.value)
def split_command(job: JobOption) -> None:
    """Cut the source into chunks that decode alone, and write the plan."""
    from encoding_worker.split import split

    _run(Verb.SPLIT, job, None, split)


@app.command(Verb.ENCODE.value)
def encode_command(job: JobOption, chunk: ChunkOption) -> None:
    """Encode one chunk."""
    from encoding_worker.encode import encode

    _run(Verb.ENCODE, job, chunk, lambda task: encode(task, chunk))


@app.command(Verb.ENCODE_AUDIO.value)
def encode_audio_command(job: JobOption) -> None:
    """Encode all audio tracks, each as a whole."""
    from encoding_worker.audio import encode_audio

    _run(Verb.ENCODE_AUDIO, job, None, encode_audio)


@app.command(Verb.MERGE.value)
def merge_command(job: JobOption) -> None:
    """Join the chunks, prove the film whole, and publish it."""
    from encoding_worker.merge import merge

    _run(Verb.MERGE, job, None, merge)


@app.command("lineage")
def lineage_command(output: Annotated[str, typer.Argument(help="A published film: gs://OUT/NAME")]) -> None:
    """Say where a published film comes from: source, job, chunks, versions, times, proof."""
    from rich.console import Console

    from encoding_worker.lineage import load_report, print_lineage

    try:
        report = load_report(Store(), output)
    except MapreelError as error:
        _fail(error.exit_code, str(error))
    print_lineage(report, Console(soft_wrap=True))


@app.command("diff")
def diff_command(
    profile: Annotated[Path, typer.Option("--profile", help="The profile's file: dags/profiles/NAME.yaml")],
    output: Annotated[str, typer.Option("--output", envvar="MAPREEL_OUTPUT", help="gs://OUT[/PREFIX]")],
) -> None:
    """Say how many published films and chunks a changed profile would encode again, before anything runs."""
    import yaml
    from rich.console import Console
    from rich.table import Table

    from encoding_contract.profile import parse_profile
    from encoding_worker.difference import find_differences

    try:
        changed = parse_profile(profile.stem, yaml.safe_load(profile.read_text()))
        differences = list(find_differences(Store(), output, changed))
    except (OSError, yaml.YAMLError) as error:
        _fail(ExitCode.BAD_INPUT, f"{profile}: cannot be read ({error}); name a profile's file")
    except MapreelError as error:
        _fail(error.exit_code, str(error))
    table = Table("film", "chunks to encode", "chunks taken over", box=None)
    for film in differences:
        table.add_row(film.output, str(film.chunks), str(film.of_chunks - film.chunks))
    Console(soft_wrap=True).print(table)
    chunks = sum(film.chunks for film in differences)
    typer.echo(f"{len(differences)} films are stale under {changed.name}; reprocessing them encodes {chunks} chunks")


@app.command("version")
def version_command() -> None:
    """Say which versions this is."""
    typer.echo(program_version())


class LineFormatter(logging.Formatter):
    """One line for each record, whatever names are in it; a traceback is set in, so that none of it passes for one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """Return the line."""
        return one_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        """Return the traceback."""
        return "\n".join("    " + one_line(line) for line in super().formatException(ei).splitlines())


def _run(verb: Verb, job_url: str, chunk: int | None, act: Callable[[Task], object]) -> None:
    log = logging.StreamHandler(sys.stdout)
    log.setFormatter(LineFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[log])
    give_back_blocks()
    interruption.install()
    hang_watch.install(_end_at_once)
    started = time.monotonic()
    try:
        logger.info("%s %s%s", verb.value, job_url, "" if chunk is None else f" chunk {chunk}")
        store = Store()
        job = load_job(store, job_url)
        with scratch_folder() as scratch:
            act(Task(store, job, JobObjects(job.id), scratch))
        interruption.check()
    except MapreelError as error:
        _fail(error.exit_code, str(error))
    except Exception as error:
        logger.exception("%s failed in a way that nobody foresaw", verb.value)
        _fail(ExitCode.TRANSIENT, f"{verb.value} of {job_url}: {type(error).__name__}: {error}")
    logger.info("%s done in %.1f s", verb.value, time.monotonic() - started)


def _fail(code: ExitCode, message: str) -> NoReturn:
    _tell(message)
    raise typer.Exit(code.value)


def _end_at_once(message: str) -> NoReturn:
    """End a process whose main thread does not come back; called from another thread."""
    _tell(message)
    remove_scratch()
    os._exit(ExitCode.TRANSIENT)


def _tell(message: str) -> None:
    line = one_line(message)
    print(f"mapreel: {line}", file=sys.stderr, flush=True)
    log = settings.termination_log()
    if log.exists():
        try:
            log.write_text(line[:4000])  # Kubernetes keeps 4,096 bytes
        except OSError as error:
            logger.warning("%s cannot be written: %s", log, error)


def main() -> None:
    """Run the command line."""
    app()
