"""A film goes into the emulator and an output comes out of it; what cannot be done is one line and an exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import storage

from encoding_client.transfer import download, upload
from encoding_contract.errors import BadInput
from encoding_contract.job import ObjectAddress
from encoding_worker.store import Store
from local_stack.buckets import open_storage
from tests.emulator import running_emulator

MAPREEL = Path(sys.executable).with_name("mapreel")
FILM = ObjectAddress(bucket="films", name="in/a film.mov")


@pytest.fixture(scope="module")
def buckets() -> Iterator[storage.Client]:
    with running_emulator():
        client = open_storage(os.environ["STORAGE_EMULATOR_HOST"])
        client.create_bucket("films")
        client.create_bucket("made")
        yield client


def test_the_same_content_is_sent_once(buckets: storage.Client, tmp_path: Path) -> None:
    path = tmp_path / "a film.mov"
    path.write_bytes(b"frames" * 1000)
    content, was_sent = upload(Store(), path, FILM)
    assert was_sent
    assert content.size_bytes == 6000
    assert buckets.bucket("films").get_blob(FILM.name).crc32c == content.crc32c
    assert upload(Store(), path, FILM) == (content, False)
    path.write_bytes(b"others")
    assert upload(Store(), path, FILM)[1]


def test_output_and_report_come_together(buckets: storage.Client, tmp_path: Path) -> None:
    buckets.bucket("made").blob("out/a.mov.mkv").upload_from_string(b"film")
    buckets.bucket("made").blob("out/a.mov.mkv.report.json").upload_from_string(b"{}")
    output = ObjectAddress(bucket="made", name="out/a.mov.mkv")
    path, content = download(Store(), output, tmp_path)
    assert path == tmp_path / "a.mov.mkv"
    assert (path.read_bytes(), content.size_bytes) == (b"film", 4)
    assert download(Store(), output, tmp_path / "other.mkv")[0].read_bytes() == b"film"
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "a.mov.mkv",
        "a.mov.mkv.report.json",
        "other.mkv",
        "other.mkv.report.json",
    ]
    with pytest.raises(BadInput, match="cannot be written"):
        download(Store(), output, tmp_path / "nowhere" / "film.mkv")


@pytest.mark.parametrize(
    ("arguments", "settings", "line"),
    [
        (["put", "film.mov"], {"MAPREEL_INPUT": ""}, "MAPREEL_INPUT: Field required"),
        (["put", "film.mov"], {"MAPREEL_INPUT": "films"}, "MAPREEL_INPUT: expected gs://BUCKET"),
        (["put", "none.mov"], {}, "none.mov: cannot be read (No such file or directory)"),
        (["put", "empty.mov"], {}, "empty.mov: is empty (0 bytes)"),
        (["put", "notes.txt"], {}, "does not end as a video's name does"),
        (["put", "film.mov", "--overrides", "{"], {}, "--overrides: is not JSON"),
        (["put", "film.mov"], {}, "MAPREEL_AIRFLOW_PASSWORD: is not set"),
        (["get", "none.mov"], {}, "gs://films/none.mov: there is no such film"),
        (["list"], {"MAPREEL_OUTPUT": "gs://made", "MAPREEL_AIRFLOW_PASSWORD_FILE": "none"}, "cannot be read"),
    ],
)
def test_one_line_says_what_is_wrong(
    buckets: storage.Client, tmp_path: Path, arguments: list[str], settings: dict[str, str], line: str
) -> None:
    (tmp_path / "film.mov").write_bytes(b"frames")
    (tmp_path / "empty.mov").touch()
    (tmp_path / "notes.txt").write_text("notes")
    environment = {**os.environ, "MAPREEL_INPUT": "gs://films", "MAPREEL_OUTPUT": "gs://made", **settings}
    done = subprocess.run(
        [MAPREEL, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 65, done.stderr
    (said,) = done.stderr.splitlines()
    assert said.startswith("mapreel: ")
    assert line in said
