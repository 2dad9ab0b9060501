"""A bucket that answers badly: what is sent and fetched is right, or a transient fault says what went wrong."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import storage

import encoding_worker.store as store_module
from encoding_contract.errors import TransientFault
from encoding_contract.job import ObjectAddress
from encoding_worker.store import Store, content_of
from tests.faulty_proxy import FaultyProxy, faulty_proxy

# The client lets a connection that broke go without closing it.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ADDRESS = ObjectAddress(bucket="mapreel-work", name="faults/object")


@pytest.fixture
def proxy(buckets: storage.Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    with faulty_proxy(os.environ["STORAGE_EMULATOR_HOST"], seed=7) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.address)
        proxy.rate, proxy.in_a_row = 1.0, 1
        yield proxy


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "film"
    path.write_bytes(os.urandom(100_000))
    return path


@pytest.mark.parametrize("kind", ["429", "500", "503", "reset", "lost answer", "truncated", "slow"])
def test_what_may_pass_is_tried_again(kind: str, proxy: FaultyProxy, file: Path, tmp_path: Path) -> None:
    proxy.kinds = (kind,)
    store = Store()
    assert store.upload(file, ADDRESS) == content_of(file)
    store.download(ADDRESS, tmp_path / "copy", content_of(file))
    assert content_of(tmp_path / "copy") == content_of(file)
    stream = ADDRESS.model_copy(update={"name": f"faults/stream of {kind}"})
    assert store.upload_blocks([file.read_bytes()], stream, "video/x-matroska") == content_of(file)
    text = "word " * 1000
    store.write(ADDRESS, text)
    assert store.read(ADDRESS) == text.encode()
    assert proxy.injected[kind] >= 4


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(1 << 20) * 40)
    return path


def test_each_part_of_a_large_file_is_tried_again_by_itself(proxy: FaultyProxy, large: Path) -> None:
    proxy.kinds = ("503", "reset")
    assert Store().upload(large, ADDRESS) == content_of(large)
    # Five parts, and the questions before and after; sent in one, it is five in all.
    assert proxy.injected.total() >= 8


@pytest.mark.usefixtures("buckets")
def test_a_large_file_is_not_held_in_memory(large: Path) -> None:
    store = Store()
    tracemalloc.start()
    try:
        store.upload(large, ADDRESS)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < large.stat().st_size / 2


@pytest.mark.parametrize("kind", ["corrupted upload", "corrupted download"])
def test_a_transfer_that_a_checksum_refuses_is_made_again_by_itself(kind: str, proxy: FaultyProxy, file: Path) -> None:
    proxy.kinds, proxy.in_a_row = (kind,), 2
    store = Store()
    assert store.upload(file, ADDRESS) == content_of(file)
    text = "word " * 1000
    document = ADDRESS.model_copy(update={"name": "faults/document"})
    store.write(document, text)
    assert store.read(document) == text.encode()
    assert proxy.injected[kind] >= 2
    found = store.stat(ADDRESS)
    assert found is not None
    assert found[0] == content_of(file)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_AGAIN", store_module._AGAIN.with_timeout(0.5))


@pytest.mark.usefixtures("impatient")
def test_what_always_arrives_otherwise_than_it_was_sent_does_not_stay(proxy: FaultyProxy, file: Path) -> None:
    proxy.kinds, proxy.in_a_row = ("corrupted upload",), 1000
    store = Store()
    with pytest.raises(TransientFault, match=r"sent crc32c .* arrived; it was deleted; it is tried again"):
        store.upload(file, ADDRESS)
    assert store.stat(ADDRESS) is None
    with pytest.raises(TransientFault, match="it was deleted; it is tried again"):
        store.write(ADDRESS.model_copy(update={"name": "faults/document"}), "word " * 1000)


def test_a_stream_that_arrives_otherwise_than_it_was_sent_is_a_fault(proxy: FaultyProxy, file: Path) -> None:
    proxy.kinds, proxy.in_a_row = ("corrupted upload",), 1000
    with pytest.raises(TransientFault, match=r"sent crc32c .* arrived; it is tried again"):
        Store().upload_blocks([file.read_bytes()], ADDRESS, "video/x-matroska")


@pytest.mark.usefixtures("impatient")
def test_what_is_always_fetched_otherwise_than_it_lies_there_is_refused(proxy: FaultyProxy) -> None:
    store = Store()
    proxy.kinds = ()
    store.write(ADDRESS, "word " * 1000)
    proxy.kinds, proxy.in_a_row = ("corrupted download",), 1000
    with pytest.raises(TransientFault, match="Checksum mismatch"):
        store.read(ADDRESS)
