"""What the page answers: documents and fragments of them, media, and the two actions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from encoding_flow.names import DagId
from encoding_page.airflow_api import AirflowApi
from encoding_page.detail import DetailDesk
from encoding_page.media import Side, answer, open_medium
from encoding_page.overview import Overview
from encoding_page.pages import STATIC_FILES, render, url
from encoding_page.rights import Rights, refuse_other_sites, rights_of, visitors_token
from encoding_page.standing import State
from encoding_page.table import Wish, lay_out

_SAID = {
    "started": "A run was started. Its progress shows here.",
    "cleared": "The failed tasks were cleared; finished chunks stay.",
    "nothing": "No failed task was left to clear.",
}


@dataclass
class Desk:
    """What the routes work with; it stands in the app's state."""

    overview: Overview
    open_client: Callable[[], httpx.AsyncClient]
    details: DetailDesk = field(init=False)
    _client: httpx.AsyncClient | None = None

    def __post_init__(self) -> None:
        self.details = DetailDesk(self.overview.failures, self.overview.judge, self.overview.open_bucket)

    def airflow(self, token: str) -> AirflowApi:
        """Return Airflow's API for a visitor."""
        # Opened at the first request: before it, the app that it asks is still being made.
        if self._client is None:
            self._client = self.open_client()
        return AirflowApi(self._client, token)


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _airflow(request: Request) -> AirflowApi:
    return _desk(request).airflow(visitors_token(request))


TheDesk = Annotated[Desk, Depends(_desk)]
TheAirflow = Annotated[AirflowApi, Depends(_airflow)]
TheRights = Annotated[Rights, Depends(rights_of)]

reading_routes = APIRouter()
acting_routes = APIRouter(dependencies=[Depends(refuse_other_sites)])


@reading_routes.get("/videos")
async def show_videos(wish: Annotated[Wish, Query()], desk: TheDesk, airflow: TheAirflow, may: TheRights) -> Response:
    """Show the whole page."""
    return render("videos.html", may=may, **await _lay_out(desk, wish, airflow))


@reading_routes.get("/table")
async def show_table(wish: Annotated[Wish, Query()], desk: TheDesk, airflow: TheAirflow, may: TheRights) -> Response:
    """Show the part of it that changes by itself."""
    return render("table.html", may=may, **await _lay_out(desk, wish, airflow))


@reading_routes.get("/reason")
async def show_reason(run_id: str, desk: TheDesk, airflow: TheAirflow) -> Response:
    """Show why a run failed."""
    failure = await desk.overview.failures.look_up(await airflow.run(run_id), airflow)
    return render("reason.html", failure=failure)


@reading_routes.get("/video")
async def show_video(name: str, desk: TheDesk, airflow: TheAirflow, may: TheRights, said: str = "") -> Response:
    """Show one video."""
    facts = await _look_up(desk, name, airflow)
    profiles = await asyncio.to_thread(lambda: desk.overview.profiles().list_names())
    return render("video.html", may=may, said=_SAID.get(said, ""), profiles=profiles, **facts)


@reading_routes.get("/now")
async def show_now(name: str, was: State, desk: TheDesk, airflow: TheAirflow, may: TheRights) -> Response:
    """Show the part of one video's page that changes by itself."""
    facts = await _look_up(desk, name, airflow)
    answer = render("now.html", may=may, **facts)
    if facts["one"].state is not was:
        # The rest of the page changes with the state: there is an output now, or a button.
        answer.headers["HX-Refresh"] = "true"
    return answer


@reading_routes.get("/run")
async def lead_to_video(dag_id: str, run_id: str, desk: TheDesk, airflow: TheAirflow) -> Response:
    """Lead from a run to its video: the tab of a run in Airflow's UI."""
    if dag_id != DagId.ENCODE:
        return render("message.html", title="No video", text=f"A run of {dag_id} encodes no video by itself.")
    source = (await airflow.run(run_id)).source_url
    place = desk.overview.places().input
    name = source.removeprefix(f"gs://{place.bucket}/")
    if name == source:
        return render("message.html", title="No video", text=f"{source or 'This run'} is not in {place}.")
    return RedirectResponse(url("video", name=name), status_code=303)


@reading_routes.api_route("/media/{side}", methods=["GET", "HEAD"])
def send_medium(side: Side, name: str, desk: TheDesk, request: Request, download: bool = False) -> Response:
    """Send an object of the input or the output, or a range of it."""
    return answer(open_medium(side, name, desk.overview.places()), request, download)


@reading_routes.get("/static/{name}")
def send_static(name: str) -> Response:
    """Send a style sheet, a script or an icon."""
    if name not in STATIC_FILES:
        raise HTTPException(404, f"There is no {name}")
    # Its address carries its digest.
    return FileResponse(STATIC_FILES[name], headers={"Cache-Control": "private, max-age=31536000, immutable"})


@acting_routes.post("/encode")
async def encode(
    desk: TheDesk,
    airflow: TheAirflow,
    name: Annotated[str, Form()],
    profile: Annotated[str, Form()] = "",
    reprocess: Annotated[bool, Form()] = False,
) -> Response:
    """Start a run for a video, with the visitor's own rights."""
    conf: dict[str, Any] = {"source": f"gs://{desk.overview.places().input.bucket}/{name}", "reprocess": reprocess}
    await airflow.start(conf | ({"profile": profile} if profile else {}))
    return RedirectResponse(url("video", name=name, said="started"), status_code=303)


@acting_routes.post("/retry")
async def retry(airflow: TheAirflow, name: Annotated[str, Form()], run_id: Annotated[str, Form()]) -> Response:
    """Clear the failed tasks of a run, with the visitor's own rights."""
    cleared = await airflow.clear_failed(run_id)
    return RedirectResponse(url("video", name=name, said="cleared" if cleared else "nothing"), status_code=303)


async def _lay_out(desk: Desk, wish: Wish, airflow: AirflowApi) -> dict[str, Any]:
    overview = desk.overview
    standings = await overview.standings(airflow)
    page = await asyncio.to_thread(lay_out, standings, wish)
    running = [one.run for one in page.rows if one.state is State.RUNNING and one.run]
    return {
        "wish": wish,
        "page": page,
        "progress": await overview.progress.look_at(running, airflow),
        "listed_at": (await overview.catalogue()).listed_at,
        "failures": overview.failures,
        "problem": overview.problem,
        "places": overview.places(),
    }


async def _look_up(desk: Desk, name: str, airflow: AirflowApi) -> dict[str, Any]:
    places = desk.overview.places()
    video = await desk.overview.video(name)
    if video is None:
        raise HTTPException(404, f"There is no video {name!r} in {places.input}, and no output of one")
    address = f"gs://{places.input.bucket}/{name}"
    last = (await desk.overview.latest_runs(airflow)).get(address)
    detail = await desk.details.look_up(video, address, airflow, places.output.bucket, last)
    return {"one": detail.standing, "detail": detail, "places": places, "address": address}
