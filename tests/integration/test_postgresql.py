"""The stack on a PostgreSQL in place of SQLite: MAPREEL_TEST_DATABASE names an empty one, with a password."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.conftest import running_mapreel

DATABASE = os.environ.get("MAPREEL_TEST_DATABASE", "")


@pytest.mark.faults  # for its time: a stack of its own, started twice
@pytest.mark.skipif(not DATABASE, reason="no PostgreSQL database is named in MAPREEL_TEST_DATABASE")
def test_a_film_is_encoded_on_postgresql_and_its_run_outlives_the_stack(tmp_path: Path) -> None:
    settings = {"MAPREEL_DATABASE_URL": DATABASE, "MAPREEL_CONCURRENT_TASKS": "16"}
    with running_mapreel(tmp_path, **settings) as mapreel:
        run = mapreel.start("encode_video", source=mapreel.upload("film.mov"))
        assert mapreel.finish("encode_video", run) == "success"
        assert mapreel.output("film.mov") is not None

        mapreel.close()
        mapreel.stop_stack()
        mapreel.start_stack()
        assert mapreel.state("encode_video", run) == "success"

        password = urlsplit(DATABASE).password
        assert password is not None
        files = [path for path in mapreel.home.rglob("*") if path.is_file()]
        assert [path for path in files if password.encode() in path.read_bytes()] == []
        assert not (mapreel.home / "airflow" / "airflow.db").exists()
