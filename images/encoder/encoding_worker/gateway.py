"""A door on 127.0.0.1 through which ffmpeg reads the source by ranges, whatever its size.

ffmpeg has no credentials and no retries of Google's kind; this process has. The address tells nothing of the
object's name, so that no name can become an option, a protocol or a pattern.
"""

from __future__ import annotations

import io
import logging
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from encoding_contract.errors import MapreelError
from encoding_contract.job import Source
from encoding_worker.store import BLOCK_BYTES, Store

logger = logging.getLogger(__name__)

_FIRST_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class SourceFile(io.RawIOBase):
    """The source as a file that is read by ranges, in blocks that grow while it is read on."""

    def __init__(self, store: Store, source: Source) -> None:
        self._store = store
        self._source = source
        self._place = 0
        self._block = b""
        self._block_start = 0
        self._step = _FIRST_BYTES

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that any place of it can be reached."""
        return True

    def tell(self) -> int:
        """Return the place, in bytes."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, in bytes; return it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._source.content.size_bytes}[whence]
        self._place = max(0, start + offset)
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes; fewer do not mean the end, none do."""
        total = self._source.content.size_bytes
        if self._place >= total or size == 0:
            return b""
        at = self._place - self._block_start
        if not 0 <= at < len(self._block):
            goes_on = self._place == self._block_start + len(self._block)
            self._step = min(self._step * 2, BLOCK_BYTES) if goes_on else _FIRST_BYTES
            end = min(total, self._place + max(self._step, size))
            self._block = b""  # let go before the next one comes: two of them would be held at once
            self._block = self._store.read_range(self._source.address, self._source.generation, self._place, end)
            self._block_start, at = self._place, 0
        data = self._block[at:] if size < 0 else self._block[at : at + size]
        self._place += len(data)
        return data


class SourceDoor:
    """Where the source can be read, and what went wrong behind the door, which ffmpeg cannot tell."""

    def __init__(self, url: str, store: Store, source: Source) -> None:
        self.url = url
        self.error: MapreelError | None = None
        self._store = store
        self._source = source

    def open(self) -> SourceFile:
        """Return the source as a file, for a reader in this process, which needs no door."""
        return SourceFile(self._store, self._source)

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
                    following = min(start + step, end)
                    self.wfile.write(store.read_range(source.address, source.generation, start, following))
                    start = following
                    step = min(step * 2, BLOCK_BYTES)
            except OSError:
                self.close_connection = True  # the reader has had enough
            except MapreelError as error:
                door.error = error
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            logger.debug(format, *args)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    door = SourceDoor(f"http://127.0.0.1:{server.server_port}{path}", store, source)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()
