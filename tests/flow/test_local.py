"""LocalVerb against a program that takes the worker's place."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tests.airflow_home  # noqa: F401  # before Airflow

from airflow.sdk.exceptions import AirflowException, AirflowFailException  # isort: skip
from encoding_contract.command import Verb  # isort: skip
from encoding_flow.local import LocalVerb  # isort: skip

CONTEXT: Any = {"ti": SimpleNamespace(max_tries=3), "task_state_store": None}
URL = f"gs://work/jobs/{'0' * 32}/job.json"


class Program:
    """A stand-in for the worker: a script, and what it wrote of how it was called."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "mapreel"
        self.record = folder / "record.json"

    def write(self, *lines: str) -> None:
        header = [
            f"#!{sys.executable}",
            "import json, os, signal, sys, time",
            f"with open({str(self.record)!r}, 'w') as file:",
            "    json.dump({'argv': sys.argv[1:], 'threads': os.environ.get('MAPREEL_THREADS')}, file)",
            "word = os.environ['MAPREEL_TERMINATION_LOG']",
        ]
        self.path.write_text("\n".join([*header, *lines]), encoding="utf-8")
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)

    def called(self) -> dict[str, Any]:
        return dict(json.loads(self.record.read_text()))


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program(tmp_path)
    monkeypatch.setenv("MAPREEL_PROGRAM", str(made.path))
    monkeypatch.delenv("MAPREEL_THREADS", raising=False)
    monkeypatch.delenv("MAPREEL_PARALLELISM", raising=False)
    return made


def run(verb: Verb, chunk: int | None = None) -> LocalVerb:
    operator = LocalVerb(task_id="a_task", verb=verb, job_url=URL, chunk=chunk, retries=3)
    operator.execute(CONTEXT)
    return operator


def test_the_program_is_told_verb_job_and_chunk(program: Program) -> None:
    program.write()
    run(Verb.ENCODE, 7)
    assert program.called()["argv"] == ["encode", "--job", URL, "--chunk", "7"]
    run(Verb.ENCODE_AUDIO)
    assert program.called()["argv"] == ["encode-audio", "--job", URL]


def test_its_output_is_in_the_tasks_log(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    program.write("print('frame 10', flush=True)", "print('oh', file=sys.stderr)")
    operator = LocalVerb(task_id="a_task", verb=Verb.SPLIT, job_url=URL, retries=3)
    lines: list[object] = []
    monkeypatch.setattr(operator.log, "info", lambda message, *arguments: lines.append(message % arguments))
    operator.execute(CONTEXT)
    assert lines[-2:] == ["frame 10", "oh"]


def test_encoders_share_the_cpus_and_other_verbs_take_all(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    program.write()
    cpus = len(os.sched_getaffinity(0))
    for spec, threads in (("constant: 1", cpus), (f"constant: {cpus}", 1), ("coefficient: 4", 1)):
        monkeypatch.setenv("MAPREEL_PARALLELISM", spec)
        run(Verb.ENCODE, 0)
        assert program.called()["threads"] == str(threads)
    run(Verb.MERGE)
    assert program.called()["threads"] is None


def test_bad_input_fails_for_good_with_the_programs_last_word(program: Program) -> None:
    program.write("open(word, 'w').write('film.mov: is no video')", "sys.exit(65)")
    with pytest.raises(
        AirflowFailException, match=r"^split of gs://work/.*: exit 65 \(bad input\): film.mov: is no video$"
    ):
        run(Verb.SPLIT)


def test_a_transient_fault_is_tried_again_and_names_the_chunk(program: Program) -> None:
    program.write("sys.exit(75)")
    with pytest.raises(AirflowException, match=r"^encode of gs://work/.*, chunk 3: exit 75 \(transient\)") as caught:
        run(Verb.ENCODE, 3)
    assert not isinstance(caught.value, AirflowFailException)


def test_on_kill_stops_the_program_and_the_task_does_not_pass_for_done(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.write("signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))", "print('up', flush=True)", "time.sleep(60)")
    operator = LocalVerb(task_id="a_task", verb=Verb.SPLIT, job_url=URL, retries=3)

    def end_at_first_line(message: str, *arguments: object) -> None:
        if arguments == ("up",):
            operator.on_kill()

    monkeypatch.setattr(operator.log, "info", end_at_first_line)
    with pytest.raises(AirflowException, match="exit 75"):
        operator.execute(CONTEXT)


def test_a_missing_program_says_what_to_do(program: Program) -> None:
    with pytest.raises(AirflowFailException, match="there is no such program; install Mapreel's worker beside Airflow"):
        run(Verb.SPLIT)
