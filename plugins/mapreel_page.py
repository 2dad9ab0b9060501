"""Registers the page "Videos" with Airflow. The page itself is the package encoding_page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

_PREFIX = "/mapreel"

_Message = MutableMapping[str, Any]
_Asgi = Callable[[_Message, Callable[[], Awaitable[_Message]], Callable[[_Message], Awaitable[None]]], Awaitable[None]]


class _OpenedLater:
    """The page's app, imported at its first request: every task's process reads this file, and none needs FastAPI."""

    @cached_property
    def _app(self) -> _Asgi:
        from encoding_page.app import open_page

        return open_page()

    async def __call__(
        self,
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        await self._app(scope, receive, send)


_AT = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + _PREFIX


class MapreelPage(AirflowPlugin):
    """The page in the navigation, and a tab of each run."""

    name = "mapreel_page"
    fastapi_apps = [{"name": "Mapreel", "app": _OpenedLater(), "url_prefix": _PREFIX}]  # noqa: RUF012 - as Airflow asks
    external_views = [  # noqa: RUF012
        {
            "name": "Videos",
            "href": f"{_AT}/videos",
            "destination": "nav",
            "nav_top_level": True,
            "url_route": "videos",
            "icon": f"{_AT}/static/film.svg",
            "icon_dark_mode": f"{_AT}/static/film-light.svg",
        },
        {
            "name": "Video",
            "href": f"{_AT}/run?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "video",
        },
    ]
