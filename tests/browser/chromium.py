"""Debian's Chromium on a stack: started, logged in, and led to any page of Airflow's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, sync_playwright

EXECUTABLE = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
WHY_NOT = "there is no Chromium: apt-get install chromium"
WAIT_MS = 180_000
"""Busy cores take their time; what is there is seen at once, however long one would wait."""

# Nothing leaves this machine, and nothing needs a GPU or a sandbox that root may not have.
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run a headless Chromium, with a profile of its own that is gone afterwards."""
    assert EXECUTABLE is not None, WHY_NOT
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=_FLAGS, headless=True)
        try:
            yield browser
        finally:
            browser.close()


def log_in(
    browser: Browser,
    airflow_url: str,
    user: str,
    password: str,
    width: int = 1360,
    height: int = 850,
    theme: Literal["light", "dark"] = "light",
) -> Page:
    """Open a window of its own, logged in as a user by Airflow's login page."""
    context: BrowserContext = browser.new_context(
        base_url=airflow_url, viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
    )
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.goto("/auth/login")
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/auth/login" not in url)
    return page


def framed(page: Page) -> FrameLocator:
    """Return the page "Videos" that stands in a frame of Airflow's."""
    return page.frame_locator("iframe")
