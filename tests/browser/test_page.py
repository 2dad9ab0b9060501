"""What a user does with the page "Videos", in a real browser, on a real stack, with real encodes."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FrameLocator, Locator, Page, expect

from local_stack.environment import INPUT_BUCKET
from tests.browser.chromium import WAIT_MS, framed
from tests.browser.stack import BrowsedStack

expect.set_options(timeout=WAIT_MS)
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

FILM = 'harbour "at" <i>dawn</i> & 100%.mp4'
BROKEN = "notes.mp4"
ENCODED_MS = 400_000
# Resolves once a film has played on.
BEYOND = """(film, second) => new Promise(done => {
    const look = () => film.currentTime > second ? done() : setTimeout(look, 50);
    look();
})"""
SERIOUS = ("serious", "critical")


def row(page: Page, name: str) -> Locator:
    """Return a film's row of the list."""
    return framed(page).get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def open_list(page: Page) -> FrameLocator:
    """Open the page by Airflow's own navigation."""
    page.goto("/")
    page.get_by_role("link", name="Videos").click()
    frame = framed(page)
    frame.get_by_role("heading", name="Videos").wait_for()
    return frame


def open_video(page: Page, name: str) -> FrameLocator:
    frame = open_list(page)
    frame.get_by_role("link", name=name, exact=True).click()
    frame.get_by_role("heading", name=name, level=1).wait_for()
    return frame


@pytest.fixture(scope="module")
def encoded(admin: Page, stack: BrowsedStack) -> str:
    """A film that was started by Airflow's own form, and watched until it was done."""
    stack.upload_film(FILM)
    admin.goto("/dags/encode_video")
    admin.get_by_role("button", name="Trigger").first.click()
    admin.locator("#element_source").fill(f"gs://{INPUT_BUCKET}/{FILM}")
    admin.get_by_role("dialog").get_by_role("button", name="Trigger", exact=True).click()
    admin.get_by_role("dialog").wait_for(state="hidden")

    open_list(admin)
    film = row(admin, FILM)
    expect(film.locator(".badge")).to_have_text("running", timeout=ENCODED_MS)
    bar = film.get_by_role("progressbar")
    expect(bar).to_have_attribute("max", "6", timeout=ENCODED_MS)
    expect(film.locator(".badge")).to_have_text("done", timeout=ENCODED_MS)
    return FILM


def test_a_film_started_by_the_form_moves_to_done(admin: Page, encoded: str) -> None:
    film = row(admin, encoded)

    expect(film).to_contain_text(re.compile(r"\d kB"))
    expect(film).to_contain_text("quick")
    expect(framed(admin).get_by_role("navigation", name="States")).to_contain_text("done 1")


def test_chunk_map_leads_to_a_chunks_log(admin: Page, encoded: str) -> None:
    frame = open_video(admin, encoded)
    chunks = frame.get_by_role("list", name="Chunk map").get_by_role("listitem")
    expect(chunks).to_have_count(6)
    frame.get_by_text("Each chunk's figures").click()
    expect(frame.get_by_role("row").filter(has_text="chunk 3")).to_contain_text("50")

    frame.get_by_role("link", name="Log of chunk 3").click()

    admin.wait_for_url(re.compile(r"/dags/encode_video/runs/.+/tasks/encode_chunk/mapped/3"))
    expect(admin.get_by_text(re.compile("encode --job gs://")).first).to_be_visible()


def test_source_and_output_play_side_by_side(admin: Page, encoded: str) -> None:
    frame = open_video(admin, encoded)
    films = frame.locator("video")
    expect(films).to_have_count(2)
    frame.get_by_role("button", name="Play").wait_for()
    for film in films.all():
        expect(film).to_have_js_property("error", None)
        assert 11.9 < film.evaluate("film => film.duration") < 12.2

    frame.get_by_role("slider").fill("6")
    at = "film => Math.abs(film.currentTime - 6) < 0.1"
    assert [film.evaluate(at) for film in films.all()] == [True, True]

    frame.get_by_role("button", name="Play").click()
    for film in films.all():
        film.evaluate(BEYOND, 6.3)
    frame.get_by_role("button", name="Pause").click()
    first, second = (film.evaluate("film => film.currentTime") for film in films.all())
    assert abs(first - second) < 0.1


def test_what_the_browser_cannot_play_is_said(admin: Page, stack: BrowsedStack) -> None:
    stack.upload_text("odd.avi")
    admin.goto("/plugin/videos/mapreel/video?name=odd.avi")
    expect(framed(admin).get_by_text("This browser cannot play this file")).to_be_visible()
    expect(framed(admin).get_by_role("link", name="Download")).to_be_visible()


def test_a_scan_is_started_by_its_form(admin: Page, stack: BrowsedStack) -> None:
    admin.goto("/dags/scan_videos")
    admin.get_by_role("button", name="Trigger").first.click()
    dialog = admin.get_by_role("dialog")
    dialog.get_by_text("Only names that begin with it").wait_for()

    dialog.get_by_role("button", name="Trigger", exact=True).click()

    expect(dialog).to_be_hidden()
    expect(admin.get_by_text(re.compile("^manual__")).first).to_be_visible()


def test_a_failed_video_says_why(admin: Page, stack: BrowsedStack) -> None:
    stack.upload_text(BROKEN)
    frame = open_list(admin)
    # The list of the bucket is shared, and made anew every 20 s; a video's own page looks at once.
    admin.goto(f"/plugin/videos/mapreel/video?name={BROKEN}")
    frame.get_by_role("button", name="Encode now").click()
    expect(frame.get_by_role("status").first).to_have_text("A run was started. Its progress shows here.")

    expect(frame.get_by_role("alert")).to_contain_text("is no video", timeout=ENCODED_MS)
    expect(frame.get_by_role("button", name="Retry what failed")).to_be_visible()
    open_list(admin)
    framed(admin).get_by_role("link", name=re.compile("^failed")).click()
    expect(row(admin, BROKEN)).to_contain_text("is no video")


def test_a_stale_film_is_reprocessed(admin: Page, stack: BrowsedStack, encoded: str) -> None:
    stack.change_profile()
    frame = open_list(admin)
    expect(row(admin, encoded).locator(".badge")).to_have_text("stale")

    frame.get_by_role("button", name=f"Reprocess {encoded}").click()
    frame.get_by_role("heading", name=encoded, level=1).wait_for()

    expect(frame.locator(".badge")).to_have_text(re.compile("waiting|running"))
    expect(frame.locator(".badge")).to_have_text("done", timeout=ENCODED_MS)
    admin.reload()
    expect(frame.get_by_text("quick: libx264, crf 34")).to_be_visible()


def test_a_viewer_sees_and_cannot_start(viewer: Page, encoded: str) -> None:
    frame = open_list(viewer)
    expect(row(viewer, encoded)).to_be_visible()
    expect(frame.get_by_role("button", name=re.compile("Encode|Reprocess|Retry"))).to_have_count(0)
    open_video(viewer, encoded)
    expect(frame.get_by_text("You may look, and not start")).to_be_visible()

    # Somebody who makes the button himself is refused by Airflow.
    refused = viewer.evaluate(
        """async name => {
            const answer = await fetch("/mapreel/encode", {method: "POST", body: new URLSearchParams({name})});
            return [answer.status, await answer.text()];
        }""",
        encoded,
    )
    assert refused[0] == 403
    assert "Airflow refused it" in refused[1]


def test_a_stranger_sees_nothing(stack: BrowsedStack, admin: Page) -> None:
    context = admin.context.browser.new_context(base_url=stack.url)  # type: ignore[union-attr]
    answer = context.request.get("/mapreel/videos")
    assert answer.status == 401
    assert FILM not in answer.text()
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(admin: Page, encoded: str, theme: str) -> None:
    admin.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    videos = [f"/mapreel/video?name={quote(name, safe='')}" for name in (encoded, BROKEN)]
    for path in ("/mapreel/videos", "/mapreel/videos?search=nothing", *videos):
        admin.goto(path)
        admin.get_by_role("heading", level=1).wait_for()
        found = Axe().run(admin).response["violations"]
        serious = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found if one["impact"] in SERIOUS]
        assert serious == [], path
    admin.emulate_media(color_scheme="light")


def test_the_page_is_used_by_keyboard(admin: Page, encoded: str) -> None:
    admin.goto("/mapreel/videos")
    focused = []
    for _ in range(60):
        admin.keyboard.press("Tab")
        text = admin.evaluate("() => document.activeElement.name || document.activeElement.innerText || ''")
        focused.append(text.strip())
        if text.strip() == encoded:
            break
    assert {"search", "profile", "Show", "Video"} <= set(focused), focused
    outline = admin.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    admin.keyboard.press("Enter")
    admin.get_by_role("heading", name=encoded, level=1).wait_for()
