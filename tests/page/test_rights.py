"""Who may see and do what: Airflow's own login and roles decide."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute

from encoding_flow.names import DagId
from tests.page.airflow_fake import run_row
from tests.page.conftest import Site

SAME = {"Sec-Fetch-Site": "same-origin"}


def routes(site: Site) -> list[tuple[str, str]]:
    """Every route that the app has, whatever is added to it later."""
    found = [route for route in site.client.app.routes if isinstance(route, APIRoute)]  # type: ignore[attr-defined]
    assert len(found) == len(site.client.app.routes), "a route that is no APIRoute has no login"  # type: ignore[attr-defined]
    return [
        (method, route.path.format(side="input", name="page.css"))
        for route in found
        for method in sorted(route.methods)
    ]


def test_every_route_demands_a_login(site: Site) -> None:
    site.be(None)
    assert len(routes(site)) >= 10
    for method, path in routes(site):
        assert site.client.request(method, path, headers=SAME).status_code == 401, (method, path)


def test_a_token_that_is_none_is_refused(site: Site) -> None:
    for method, path in routes(site):
        answer = site.client.request(method, path, headers={**SAME, "Authorization": "Bearer forged"})
        assert answer.status_code == 403, (method, path)


def test_a_user_without_a_role_is_refused_everywhere(site: Site) -> None:
    site.be("nobody")
    for method, path in routes(site):
        assert site.client.request(method, path, headers=SAME).status_code == 403, (method, path)


def test_a_viewer_sees_and_has_no_button(site: Site) -> None:
    site.shelf.put("films", "film.mp4")
    site.airflow.runs = [run_row("r", "gs://films/other.mp4", "failed")]
    site.shelf.put("films", "other.mp4")
    site.be("viewer")
    for path in ("/videos", "/video?name=film.mp4", "/video?name=other.mp4"):
        answer = site.client.get(path)
        assert answer.status_code == 200
        assert '<button type="submit">Show' in answer.text or 'action="encode"' not in answer.text
        assert 'action="encode"' not in answer.text
        assert 'action="retry"' not in answer.text
    assert "You may look, and not start" in site.client.get("/video?name=film.mp4").text


def test_a_user_has_the_buttons(site: Site) -> None:
    site.shelf.put("films", "film.mp4")
    site.be("user")
    assert 'action="encode"' in site.client.get("/videos").text


def test_airflow_is_asked_with_the_visitors_own_token(site: Site) -> None:
    site.shelf.put("films", "film.mp4")
    site.be("viewer")
    site.client.get("/videos")
    site.be("user")
    site.client.get("/video?name=film.mp4&said=started")
    asked = [request.headers["authorization"] for request in site.airflow.asked]
    assert asked[0] == f"Bearer {site.tokens['viewer']}"
    assert asked[-1] == f"Bearer {site.tokens['user']}"


def test_what_airflow_refuses_is_said_in_words(site: Site) -> None:
    site.airflow.refusal = (403, "Forbidden")
    answer = site.client.post("/encode", data={"name": "film.mp4"}, headers=SAME)
    assert answer.status_code == 403
    assert "Airflow refused it: Forbidden" in answer.text


def test_encoding_starts_a_run_of_this_video(site: Site) -> None:
    sent = {"name": "a b.mp4", "profile": "p", "reprocess": "true"}
    answer = site.client.post("/encode", data=sent, headers=SAME)
    assert answer.status_code == 303
    assert answer.headers["location"] == "video?name=a%20b.mp4&said=started"
    ((path, body),) = site.airflow.bodies()
    assert path == f"/api/v2/dags/{DagId.ENCODE}/dagRuns"
    assert body["conf"] == {"source": "gs://films/a b.mp4", "profile": "p", "reprocess": True}


def test_retrying_clears_what_failed_and_nothing_else(site: Site) -> None:
    answer = site.client.post("/retry", data={"name": "film.mp4", "run_id": "r~1"}, headers=SAME)
    assert answer.headers["location"] == "video?name=film.mp4&said=cleared"
    ((_, body),) = site.airflow.bodies()
    assert (body["dag_run_id"], body["only_failed"], body["dry_run"]) == ("r~1", True, False)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Origin": "http://page.test.evil.test"},
    ],
)
@pytest.mark.parametrize("path", ["/encode", "/retry"])
def test_another_site_cannot_act_for_a_visitor(site: Site, path: str, headers: dict[str, str]) -> None:
    answer = site.client.post(path, data={"name": "film.mp4", "run_id": "r"}, headers=headers)
    assert answer.status_code == 403
    assert site.airflow.bodies() == []


@pytest.mark.parametrize("headers", [SAME, {"Origin": "http://page.test"}, {"Sec-Fetch-Site": "none"}, {}])
def test_the_page_itself_and_programs_can(site: Site, headers: dict[str, str]) -> None:
    assert site.client.post("/encode", data={"name": "film.mp4"}, headers=headers).status_code == 303


def test_every_answer_has_the_headers(site: Site) -> None:
    for path in ("/videos", "/video?name=none.mp4", "/nowhere", "/static/page.css", "/static/nothing"):
        headers = site.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "frame-ancestors 'self'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"], path
    assert site.client.get("/videos").headers["cache-control"] == "no-store"
