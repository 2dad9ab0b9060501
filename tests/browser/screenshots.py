"""Makes the pictures of the documentation: ``python -m tests.browser.screenshots FOLDER [NAME ...]``.

To add one, write a function that takes the window to where the picture shall be taken, and put ``@shot("name")``
before it. Any page of Airflow's can be shown; the stack has a film that is done, one that is new, and one that failed.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

from local_stack.environment import INPUT_BUCKET
from tests.browser.chromium import framed, log_in, running_browser
from tests.browser.stack import BrowsedStack

LIMIT_BYTES = 250_000
DONE, FAILED, NEW = "harbour.mp4", "notes.mp4", "forest walk.mp4"
_ENCODED_MS = 400_000
# Airflow's pages fade in, and ask for their figures after that.
_SETTLE_MS = 2_000

Lead = Callable[[Page, BrowsedStack], None]
_shots: dict[str, Lead] = {}


def shot(name: str) -> Callable[[Lead], Lead]:
    """Register what leads to a picture."""

    def register(lead: Lead) -> Lead:
        _shots[name] = lead
        return lead

    return register


def run_of(page: Page, film: str) -> str:
    """Return the address of a film's run."""
    page.goto(f"/plugin/videos/mapreel/video?name={film}")
    link = framed(page).get_by_role("link", name="Open the run in Airflow")
    return str(link.evaluate("link => new URL(link.href).pathname"))


@shot("videos")
def show_list(page: Page, stack: BrowsedStack) -> None:
    page.goto("/plugin/videos")
    framed(page).get_by_text("is no video").wait_for()


@shot("video")
def show_video(page: Page, stack: BrowsedStack) -> None:
    page.goto(f"/plugin/videos/mapreel/video?name={DONE}")
    framed(page).get_by_role("button", name="Play").wait_for()
    framed(page).get_by_role("slider").fill("6")
    page.wait_for_timeout(1000)


@shot("grid")
def show_grid(page: Page, stack: BrowsedStack) -> None:
    page.goto(run_of(page, DONE))
    page.get_by_text("encode_chunk").first.wait_for()
    page.wait_for_timeout(_SETTLE_MS)


@shot("mapped")
def show_mapped_chunks(page: Page, stack: BrowsedStack) -> None:
    page.goto(f"{run_of(page, DONE)}/tasks/encode_chunk/mapped")
    page.get_by_text("chunk 3").first.wait_for()
    page.wait_for_timeout(_SETTLE_MS)


@shot("log")
def show_log_of_a_failure(page: Page, stack: BrowsedStack) -> None:
    page.goto(f"{run_of(page, FAILED)}/tasks/split_video")
    page.get_by_text("is no video").first.wait_for()
    page.wait_for_timeout(_SETTLE_MS)


@shot("clear")
def show_clear_dialog(page: Page, stack: BrowsedStack) -> None:
    page.goto(f"{run_of(page, DONE)}/tasks/encode_chunk/mapped/3")
    page.get_by_text("encode --job gs://").first.wait_for()
    page.keyboard.press("Shift+C")
    page.get_by_role("dialog").wait_for()
    page.wait_for_timeout(_SETTLE_MS)


@shot("trigger")
def show_trigger_form(page: Page, stack: BrowsedStack) -> None:
    open_trigger_form(page, "encode_video")


@shot("scan")
def show_scan_form(page: Page, stack: BrowsedStack) -> None:
    open_trigger_form(page, "scan_videos")


@shot("backfill")
def show_backfill_form(page: Page, stack: BrowsedStack) -> None:
    open_trigger_form(page, "scan_videos")
    page.get_by_role("dialog").get_by_text("Backfill", exact=True).first.click()
    page.wait_for_timeout(_SETTLE_MS)


@shot("pools")
def show_pools(page: Page, stack: BrowsedStack) -> None:
    page.goto("/pools")
    page.get_by_text("encoding").first.wait_for()
    page.wait_for_timeout(_SETTLE_MS)


def open_trigger_form(page: Page, dag: str) -> None:
    """Open the form that starts a run of a DAG."""
    page.goto(f"/dags/{dag}")
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_role("dialog").wait_for()
    page.wait_for_timeout(_SETTLE_MS)


def make_films(page: Page, stack: BrowsedStack) -> None:
    """Upload the films, and encode them by the page."""
    stack.upload_film(DONE)
    stack.upload_film(NEW, picture="mandelbrot")
    stack.upload_text(FAILED)
    for name in (FAILED, DONE):
        page.goto(f"/plugin/videos/mapreel/video?name={name}")
        framed(page).get_by_role("button", name="Encode now").click()
        framed(page).get_by_role("status").first.wait_for()
    badge = framed(page).locator(".badge").first
    badge.filter(has_text=re.compile("done|failed")).wait_for(timeout=_ENCODED_MS)
    assert badge.inner_text() == "done", f"gs://{INPUT_BUCKET}/{DONE}: {badge.inner_text()}"


def main(folder: Path, names: list[str]) -> None:
    """Make all pictures, or those that are named."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, running_browser() as browser:
        stack = BrowsedStack(Path(scratch) / "home", Path(scratch))
        try:
            stack.start()
            page = log_in(browser, stack.url, "admin", stack.password("admin"))
            make_films(page, stack)
            for name in names or list(_shots):
                _shots[name](page, stack)
                path = folder / f"{name}.png"
                page.screenshot(path=path)
                size = path.stat().st_size
                assert size < LIMIT_BYTES, f"{path}: {size} bytes, {LIMIT_BYTES} at most"
                print(path, size)
        finally:
            stack.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
