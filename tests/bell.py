"""A real HTTP server that a webhook rings: it keeps what it was told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Bell:
    """What came in."""

    url: str = ""
    status: int = 200
    """What it answers."""
    rung: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def told_of(self, video: str) -> list[dict[str, Any]]:
        """Return what was told of a video."""
        return [news for news in self.rung if news["video"] == video]


@contextmanager
def hung_up() -> Iterator[Bell]:
    """Serve on a free port of 127.0.0.1."""
    bell = Bell()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bell.headers.append(dict(self.headers))
            bell.rung.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(bell.status)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        bell.url = f"http://127.0.0.1:{server.server_port}/hook"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield bell
        server.shutdown()
