"""Documents out of templates, and the addresses in them. Whatever a template puts in is escaped."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from encoding_contract.objects import report_name
from encoding_flow.names import DagId
from encoding_page import table, words
from encoding_page.standing import State

_HERE = Path(__file__).parent
STATIC_FILES = {path.name: path for path in sorted((_HERE / "static").iterdir())}
_DIGESTS = {name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for name, path in STATIC_FILES.items()}


def url(path: str, **query: Any) -> str:
    """Return an address beside the page's other ones; names in a query are quoted whole, slashes too."""
    kept = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(kept, quote_via=quote, safe='')}" if kept else path


def in_airflow(*segments: object) -> str:
    """Return the address of a page of Airflow's own UI, seen from one of this app's documents."""
    return "../" + "/".join(quote(str(segment), safe="") for segment in segments)


def _static(name: str) -> str:
    return url(f"static/{name}", v=_DIGESTS[name])


def render(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a document."""
    return HTMLResponse(_TEMPLATES.get_template(template).render(**values), status_code=status)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "size": words.size,
        "clock": words.clock,
        "span": words.span,
        "moment": words.moment,
        "times": words.times,
        "change": words.change,
        "figure": words.figure,
    }
    environment.globals |= {
        "url": url,
        "static": _static,
        "in_airflow": in_airflow,
        "report_name": report_name,
        "age": lambda since: words.age(since, datetime.now(UTC)),
        "table": table,
        "State": State,
        "Column": table.Column,
        "ENCODE_DAG": DagId.ENCODE.value,
        "SCAN_DAG": DagId.SCAN.value,
    }
    return environment


_TEMPLATES = _environment()
