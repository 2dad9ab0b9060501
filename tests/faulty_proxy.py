"""A proxy before the storage emulator that does what networks and overloaded services do, by a seed.

Each request may meet one fault: an answer 429, 500 or 503, a reset before or after it was done (a lost answer), a body
that comes slowly, ends early, or arrives with one byte changed. No request of one kind meets more than ``in_a_row``
faults, so that whoever tries again gets through.
"""

from __future__ import annotations

import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

BUSY = ("429", "500", "503")
WIRE = ("reset", "lost answer", "slow", "truncated")
CORRUPTION = ("corrupted download", "corrupted upload")
_OWN_HEADERS = {"connection", "transfer-encoding", "content-length", "host"}


class FaultyProxy:
    """What the proxy shall do, and what it did."""

    def __init__(self, target: str, seed: int) -> None:
        self.target = urlsplit(target).netloc
        self.address = ""
        self.rate = 0.0
        """How many requests of 1 meet a fault."""
        self.kinds: Sequence[str] = (*BUSY, *WIRE)
        self.in_a_row = 2
        self.injected: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._row: Counter[str] = Counter()
        self._lock = threading.Lock()

    def choose(self, request: str, *, is_media: bool, has_body: bool) -> str:
        """Return the fault that a request meets; empty for none."""
        with self._lock:
            fits = [kind for kind in self.kinds if kind not in CORRUPTION]
            fits += ["corrupted download"] * (is_media and "corrupted download" in self.kinds)
            fits += ["corrupted upload"] * (has_body and "corrupted upload" in self.kinds)
            if not fits or self._row[request] >= self.in_a_row or self._random.random() >= self.rate:
                self._row[request] = 0
                return ""
            self._row[request] += 1
            kind = self._random.choice(fits)
            self.injected[kind] += 1
            return kind


@contextmanager
def faulty_proxy(target: str, seed: int) -> Iterator[FaultyProxy]:
    """Run a proxy on a free port of 127.0.0.1; it does no harm until it is told to."""
    proxy = FaultyProxy(target, seed)

    class Handler(_Handler):
        pass

    Handler.proxy = proxy
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultyProxy

    def _handle(self) -> None:
        body = self._read_body()
        is_range = "Range" in self.headers
        is_media = self.command == "GET" and ("alt=media" in self.path or self.path.startswith("/download/"))
        has_body = self.command in ("POST", "PUT") and len(body) > 200
        # A range has no checksum of its own: TLS guards it, and this proxy stands behind TLS, so to speak.
        request = f"{self.command} {urlsplit(self.path).path}"
        fault = self.proxy.choose(request, is_media=is_media and not is_range, has_body=has_body)
        if fault in BUSY:
            self._answer(int(fault), [], b"busy")
            return
        if fault == "reset":
            self._reset()
            return
        if fault == "corrupted upload":
            body = _flip(body, -len(body) // 4)
        status, headers, answer = self._forward(body)
        if fault == "lost answer":
            self._reset()
        elif fault == "truncated" and len(answer) > 1:
            self._answer(status, headers, answer, sent=len(answer) // 2)
        elif fault == "corrupted download" and answer:
            self._answer(status, headers, _flip(answer, len(answer) // 2))
        elif fault == "slow":
            self._answer(status, headers, answer, pause_s=0.3)
        else:
            self._answer(status, headers, answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _handle  # noqa: N815

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        blocks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            blocks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(blocks)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.proxy.target, timeout=60)
        headers = {key: value for key, value in self.headers.items() if key.lower() not in _OWN_HEADERS}
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            found = [(key, value) for key, value in answer.getheaders() if key.lower() not in _OWN_HEADERS]
            return answer.status, found, answer.read()
        finally:
            connection.close()

    def _answer(
        self,
        status: int,
        headers: list[tuple[str, str]],
        body: bytes,
        *,
        sent: int | None = None,
        pause_s: float = 0,
    ) -> None:
        self.send_response(status)
        for key, value in headers:
            # An upload goes on where the emulator says: through this proxy as well.
            own = urlsplit(self.proxy.address).netloc
            self.send_header(key, value.replace(self.proxy.target, own) if key.lower() == "location" else value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for start in range(0, len(body) if sent is None else sent, 1 << 20):
            time.sleep(pause_s)
            self.wfile.write(body[start : min(start + (1 << 20), sent or len(body))])
        if sent is not None:
            self._reset()

    def _reset(self) -> None:
        # SO_LINGER of 0 seconds: the other side sees a reset and not an end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        return

    def handle(self) -> None:
        """Serve one connection; one that breaks is what this is about."""
        try:
            super().handle()
        except (OSError, ValueError):
            return

    def finish(self) -> None:
        """Let go of a connection, be it reset already."""
        try:
            super().finish()
        except (OSError, ValueError):
            return


def _flip(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 0x01
    return bytes(changed)
