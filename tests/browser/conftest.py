from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import chromium
from tests.browser.stack import VIEWER, BrowsedStack
from tests.real_stack import started


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the windows show at that moment."""
    report = yield
    windows = {name: value for name, value in getattr(item, "funcargs", {}).items() if isinstance(value, Page)}
    if report.failed and report.when == "call":
        for name, page in windows.items():
            frames = [frame.locator("body").inner_text() for frame in page.frames]
            report.sections.append((f"{name} at {page.url}", "\n---\n".join(frames)))
    return report


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this folder."""
    if chromium.EXECUTABLE is None:
        pytest.skip(chromium.WHY_NOT)
    with chromium.running_browser() as running:
        yield running


@pytest.fixture(scope="package")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowsedStack]:
    """One stack for all tests of this folder: real Airflow, real encoders, small films."""
    folder = tmp_path_factory.mktemp("browser")
    with started(BrowsedStack(folder / "home", folder)) as stack:
        yield stack


@pytest.fixture(scope="package")
def admin(browser: Browser, stack: BrowsedStack) -> Page:
    """A window of the administrator's."""
    return chromium.log_in(browser, stack.url, "admin", stack.password("admin"))


@pytest.fixture(scope="package")
def viewer(browser: Browser, stack: BrowsedStack) -> Page:
    """A window of somebody who may only look."""
    return chromium.log_in(browser, stack.url, VIEWER, stack.password(VIEWER))
