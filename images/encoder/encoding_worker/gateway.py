"""A door on 127.0.0.1 through which ffmpeg reads the source by ranges, whatever its size.

ffmpeg has no credentials and no retries of Google's kind; this process has. The address tells nothing of the
object's name, so that no name can become an option, a protocol or a pattern.
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from encoding_contract.errors import MapreelError
from encoding_contract.job import Source
from encoding_worker.store import Store

logger = logging.getLogger(__name__)

_FIRST_BYTES = 256 * 1024
_MOST_BYTES = 8 * 1024 * 1024
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class SourceDoor:
    """Where the source can be read, and what went wrong behind the door, which ffmpeg cannot tell."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.error: MapreelError | None = None

    def check(self) -> None:
        """Raise what kept the source from being read, if anything did."""
        if self.error is not None:
            raise self.error


@contextmanager
def open_source(store: Store, source: Source) -> Iterator[SourceDoor]:
    """Serve one object of one generation on a free port of 127.0.0.1, under a random path."""
    path = f"/{secrets.token_urlsafe(16)}"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path != path:
                self.send_error(404)
                return
            size = source.content.size_bytes
            match = _RANGE.fullmatch(self.headers.get("Range", "bytes=0-"))
            start = int(match[1]) if match else 0
            end = min(int(match[2]) + 1, size) if match and match[2] else size
            if start >= end:
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(end - start))
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
            self.end_headers()
            self._send(start, end)

        def _send(self, start: int, end: int) -> None:
            # Small steps first: a demuxer that looks for an index reads a little at many places.
            step = _FIRST_BYTES
            try:
                while start < end:
                    block = store.read_range(source.address, source.generation, start, min(start + step, end))
                    self.wfile.write(block)
                    start += len(block)
                    step = min(step * 2, _MOST_BYTES)
            except OSError:
                self.close_connection = True  # the reader has had enough
            except MapreelError as error:
                door.error = error
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            logger.debug(format, *args)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    door = SourceDoor(f"http://127.0.0.1:{server.server_port}{path}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()
