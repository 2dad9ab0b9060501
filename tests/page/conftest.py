from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from airflow import models, settings
from airflow.api_fastapi.app import init_auth_manager, purge_cached_app
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models.base import Base
from fastapi.testclient import TestClient

import tests.airflow_home  # noqa: F401 - before Airflow
from encoding_contract.place import Place
from encoding_flow.profiles import ProfileFolder
from encoding_flow.settings import BucketSettings
from encoding_page.app import create_app
from encoding_page.overview import Overview
from tests.page.airflow_fake import AirflowFake
from tests.page.bucket_fakes import Shelf

PLACES = BucketSettings(input=Place(bucket="films"), output=Place(bucket="made"), work=Place(bucket="work"))


@pytest.fixture(scope="session")
def tokens() -> Iterator[dict[str, str]]:
    """Airflow's own login, with a token for each role."""
    settings.initialize()
    models.import_all_models()
    Base.metadata.create_all(settings.engine)
    with pytest.MonkeyPatch.context() as environment:
        # Airflow would make one up that is too short for its own algorithm.
        environment.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "secret of the tests " * 4)
        yield from _make_tokens()


def _make_tokens() -> Iterator[dict[str, str]]:
    manager = init_auth_manager()
    roles = ("viewer", "user", "admin")
    yield {role: manager.generate_jwt(SimpleAuthManagerUser(username=role, role=role)) for role in roles} | {
        "nobody": manager.generate_jwt(SimpleAuthManagerUser(username="nobody", role=None))
    }
    purge_cached_app()


@dataclass
class Site:
    """The page, with everything around it in the test's hands."""

    client: TestClient
    shelf: Shelf
    airflow: AirflowFake
    tokens: dict[str, str]

    def be(self, role: str | None) -> None:
        self.client.cookies.clear()
        if role is not None:
            self.client.cookies.set("_token", self.tokens[role])


@pytest.fixture
def site(tokens: dict[str, str], tmp_path: Path) -> Iterator[Site]:
    """The page as an administrator sees it."""
    shelf = Shelf()
    with open_site(shelf, shelf.open, tokens, tmp_path) as site:
        yield site


@contextmanager
def open_site(shelf: Shelf, open_bucket: Any, tokens: dict[str, str], folder: Path) -> Iterator[Site]:
    """The page as an administrator sees it, over these buckets."""
    (folder / "p.yaml").write_text("video: {crf: 23}\n")
    airflow = AirflowFake()
    overview = Overview(places=lambda: PLACES, profiles=lambda: ProfileFolder(folder), open_bucket=open_bucket)
    client = TestClient(create_app(overview, airflow.open_client), base_url="http://page.test", follow_redirects=False)
    made = Site(client, shelf, airflow, tokens)
    made.be("admin")
    # One event loop for all requests, as a server has.
    with client:
        yield made
