from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import chromium
from tests.browser.stack import VIEWER, BrowsedStack


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this folder."""
    if chromium.EXECUTABLE is None:
        pytest.skip(chromium.WHY_NOT)
    with chromium.running_browser() as running:
        yield running


@pytest.fixture(scope="session")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowsedStack]:
    """One stack for all tests of this folder: real Airflow, real encoders, small films."""
    folder = tmp_path_factory.mktemp("browser")
    running = BrowsedStack(folder / "home", folder)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def admin(browser: Browser, stack: BrowsedStack) -> Page:
    """A window of the administrator's."""
    return chromium.log_in(browser, stack.url, "admin", stack.password("admin"))


@pytest.fixture(scope="session")
def viewer(browser: Browser, stack: BrowsedStack) -> Page:
    """A window of somebody who may only look."""
    return chromium.log_in(browser, stack.url, VIEWER, stack.password(VIEWER))
