"""A call into ffmpeg's libraries that does not come back ends the process, says why, and leaves no scratch."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from encoding_contract.errors import ExitCode
from encoding_worker.hanging import HangWatch

HANGING = """
import time
from encoding_worker.cli import _end_at_once
from encoding_worker.hanging import hang_watch
from encoding_worker.scratch import scratch_folder

def packets():
    yield 1
    time.sleep(60)

hang_watch.install(_end_at_once)
with scratch_folder() as folder:
    (folder / "piece.mkv").write_text("half")
    for packet in hang_watch.each(packets(), "gs://films/hangs.mp4"):
        print(packet, flush=True)
"""


def test_a_demuxer_that_hangs_ends_the_process(tmp_path: Path) -> None:
    began = time.monotonic()
    log = tmp_path / "termination-log"
    log.touch()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", HANGING],
        env={"MAPREEL_STALL_S": "1", "MAPREEL_TERMINATION_LOG": str(log), "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ended.returncode == ExitCode.TRANSIENT, ended.stderr
    line = "gs://films/hangs.mp4: did not move for 1 s, and was stopped; it is tried again"
    assert ended.stderr.strip() == f"mapreel: {line}"
    assert log.read_text() == line
    assert list(scratch.iterdir()) == []
    assert time.monotonic() - began < 50


def test_slow_work_between_two_packets_is_no_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPREEL_STALL_S", "0.2")
    watch, reasons = HangWatch(), list[str]()
    watch.install(reasons.append)
    assert [item for item in watch.each([1, 2], "film") if not time.sleep(0.5)] == [1, 2]
    assert reasons == []
