"""Airflow's login and roles. Every route demands them; what a visitor may not do in Airflow he may not do here.

Reading asks for the rights to read encode_video's runs, task instances and logs, as the page shows of all three. Acting
is decided by Airflow's own API, which is called with the visitor's token; here it is only asked beforehand, so that no
button is shown that would be refused.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
from fastapi import Depends, HTTPException, Request, params
from pydantic import BaseModel, ConfigDict

from encoding_flow.names import DagId

_SAME_SITE = ("same-origin", "none")


def reading() -> list[params.Depends]:
    """Return what every route depends on."""
    entities = (DagAccessEntity.RUN, DagAccessEntity.TASK_INSTANCE, DagAccessEntity.TASK_LOGS)
    return [Depends(requires_access_dag("GET", entity, DagId.ENCODE)) for entity in entities]


class Rights(BaseModel):
    """What a visitor may do."""

    model_config = ConfigDict(frozen=True)

    may_start: bool
    """Start runs of encode_video."""
    may_clear: bool
    """Clear its task instances."""


def rights_of(user: BaseUser = Depends(get_user)) -> Rights:  # noqa: B008 - FastAPI's way
    """Return what the visitor may do."""

    def may(method: str, entity: DagAccessEntity) -> bool:
        ask: Callable[..., bool] = get_auth_manager().is_authorized_dag
        return ask(method=method, access_entity=entity, details=DagDetails(id=DagId.ENCODE), user=user)

    return Rights(may_start=may("POST", DagAccessEntity.RUN), may_clear=may("PUT", DagAccessEntity.TASK_INSTANCE))


def visitors_token(request: Request) -> str:
    """Return the token that the visitor came with, as Airflow itself chooses it: the header before the cookie."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token
    return request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")


def refuse_other_sites(request: Request) -> None:
    """Refuse a request that another site made the visitor's browser send.

    The cookie is SameSite=Lax already; this holds where a browser, or a sibling host, does not care.

    Raises:
        HTTPException: 403.
    """
    site = request.headers.get("sec-fetch-site")
    if site is None:
        # Browsers older than 2023 do not send it; all send Origin with a POST. Programs send neither, and no cookie.
        origin = request.headers.get("origin")
        is_ours = origin is None or urlsplit(origin).netloc == request.headers.get("host", "")
    else:
        is_ours = site in _SAME_SITE
    if not is_ours:
        raise HTTPException(403, "Another site sent this request; nothing was done")
