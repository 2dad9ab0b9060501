"""A program's output, uploaded while it is written: whole where the program ended well, and else not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from google.cloud import storage

import encoding_worker.store as store_module
from encoding_contract.errors import TransientFault
from encoding_contract.job import ObjectAddress
from encoding_worker.pipes import StorePipe
from encoding_worker.store import STREAM_BYTES, Store, content_of_bytes
from tests.faulty_proxy import faulty_proxy

SAID = b"word " * (STREAM_BYTES // 2)


@pytest.fixture
def address(request: pytest.FixtureRequest) -> ObjectAddress:
    return ObjectAddress(bucket="mapreel-work", name=f"pipes/{request.node.name}")


def run_program(pipe: StorePipe, script: str) -> int:
    """Run a program that writes to a pipe; return how it ended."""
    program = [sys.executable, "-c", f"import os, sys; out = os.fdopen({pipe.write_end}, 'wb')\n{script}"]
    return subprocess.run(program, pass_fds=[pipe.write_end], check=False, stderr=subprocess.DEVNULL).returncode


def test_what_a_program_writes_lies_in_the_store_once_it_is_whole(
    buckets: storage.Client, address: ObjectAddress
) -> None:
    store = Store()
    pipe = StorePipe(store, address, "text/plain")
    assert run_program(pipe, f"out.write({SAID[:5]!r} * {len(SAID) // 5})") == 0
    assert store.stat(address) is None
    assert pipe.finish() == content_of_bytes(SAID)
    blob = buckets.bucket(address.bucket).get_blob(address.name)
    assert blob is not None
    assert blob.content_type == "text/plain"
    assert blob.download_as_bytes() == SAID


@pytest.mark.usefixtures("buckets")
def test_nothing_lies_in_the_store_of_a_program_that_failed(address: ObjectAddress) -> None:
    store = Store()
    pipe = StorePipe(store, address, "text/plain")
    assert run_program(pipe, f"out.write(bytes({3 * STREAM_BYTES})); sys.exit(3)") == 3
    pipe.give_up()
    pipe.close()
    assert store.stat(address) is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("buckets")
def test_a_program_ends_when_the_store_takes_no_more(monkeypatch: pytest.MonkeyPatch, address: ObjectAddress) -> None:
    monkeypatch.setattr(store_module, "_RETRY", store_module._RETRY.with_timeout(0.5))
    with faulty_proxy(os.environ["STORAGE_EMULATOR_HOST"], seed=7) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.address)
        proxy.rate, proxy.in_a_row, proxy.kinds = 1.0, 1000, ("503",)
        pipe = StorePipe(Store(), address, "text/plain")
        endless = "import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)\nwhile True: out.write(bytes(1 << 16))"
        assert run_program(pipe, endless) == -signal.SIGPIPE
        with pytest.raises(TransientFault, match="it is tried again"):
            pipe.give_up()
