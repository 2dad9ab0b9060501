"""The FastAPI app: every route behind Airflow's login, the headers of every answer, and what a visitor reads where
something fails.

No script and no style stands in a document, so none that somebody smuggled into a name could run.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from google.api_core.exceptions import GoogleAPIError
from requests.exceptions import RequestException
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from encoding_contract.errors import MapreelError
from encoding_page.airflow_api import ApiRefused, open_airflow
from encoding_page.media import NotServed
from encoding_page.overview import Overview
from encoding_page.pages import render
from encoding_page.rights import reading
from encoding_page.routes import Desk, acting_routes, reading_routes

_HEADERS = {
    # Documents load nothing but what this app serves, and only Airflow's own pages may frame them.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def open_page() -> FastAPI:
    """Return the app as Airflow serves it."""
    return create_app(Overview(), open_airflow)


def create_app(overview: Overview, open_client: Callable[[], httpx.AsyncClient]) -> FastAPI:
    """Return the app.

    Args:
        overview: what all visitors share.
        open_client: opens a client of Airflow's API.
    """
    # Airflow leaves the routes of a plugin open to everybody, and so would be FastAPI's own description of them.
    app = FastAPI(title="Mapreel", docs_url=None, redoc_url=None, openapi_url=None, dependencies=reading())
    app.state.desk = Desk(overview, open_client)
    app.include_router(reading_routes)
    app.include_router(acting_routes)
    app.add_middleware(_WithHeaders)
    _tell_failures(app)
    return app


class _WithHeaders:
    """Adds the headers to every answer that does not set them itself, a stream's too, without holding it up."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for header, value in _HEADERS.items():
                    headers.setdefault(header, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _tell_failures(app: FastAPI) -> None:
    def tell(kind: type[Exception], describe: Callable[[Exception], tuple[int, str, str]]) -> None:
        async def handle(request: Request, error: Exception) -> Response:
            status, title, text = describe(error)
            return render("message.html", status, title=title, text=text)

        app.add_exception_handler(kind, handle)

    tell(HTTPException, _describe_http)
    tell(
        ApiRefused, lambda error: _describe_status(error.status, str(error)) if isinstance(error, ApiRefused) else _ODD
    )
    tell(RequestValidationError, _describe_bad_request)
    tell(NotServed, lambda error: (404, "Not there", str(error)))
    tell(MapreelError, lambda error: (503, "The videos cannot be shown", str(error)))
    for kind in (GoogleAPIError, RequestException):
        tell(kind, lambda error: (503, "The bucket did not answer", str(error)))


_ODD = (500, "It did not work", "See the API server's log.")


def _describe_http(error: Exception) -> tuple[int, str, str]:
    return _describe_status(error.status_code, str(error.detail)) if isinstance(error, HTTPException) else _ODD


def _describe_status(status: int, words: str) -> tuple[int, str, str]:
    match status:
        case 401:
            return status, "Not logged in", "Log in to Airflow, then open this page again."
        case 403:
            return status, "Not allowed", f"Airflow refused it: {words}. Ask for a role that may."
        case 404:
            return status, "Not there", words
        case _:
            return status, "It did not work", words


def _describe_bad_request(error: Exception) -> tuple[int, str, str]:
    if not isinstance(error, RequestValidationError):
        return _ODD
    problem = error.errors()[0]
    return 422, "It was asked wrongly", f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
