"""A real HTTP server for tests: ETag, Last-Modified, Range, gzip, redirects, credentials, and lines that break."""

from __future__ import annotations

import gzip
import hashlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PIECE = 16 * 1024


@dataclass
class Thing:
    """What stands at one path. `breaks`: after how many bytes of each of the next answers the line breaks; `pause`:
    seconds before each piece of 16 KiB."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    packed: bool = False
    ranges: bool = True
    weak: bool = False
    tagged: bool = True
    wants: dict[str, str] = field(default_factory=dict)
    breaks: list[int] = field(default_factory=list)
    pause: float = 0

    @property
    def etag(self) -> str:
        tag = f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'
        return f"W/{tag}" if self.weak else tag


@dataclass
class Asked:
    """One request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Site:
    """The things by path (with the question, if it matters), and what was asked. A thing may be a function of the request."""

    def __init__(self) -> None:
        self.things: dict[str, Thing | Callable[[Asked], Thing]] = {}
        self.asked: list[Asked] = []
        self.url = ""
        self.port = 0

    def put(self, path: str, body: bytes, **more: Any) -> Thing:
        """Put a thing at a path."""
        thing = Thing(body, **more)
        self.things[path] = thing
        return thing

    def find(self, asked: Asked) -> Thing:
        found = self.things.get(asked.path) or self.things.get(urlsplit(asked.path).path)
        return found(asked) if callable(found) else found or Thing(b"nothing here", 404)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def do_GET(self) -> None:
        self._serve(b"")

    def _serve(self, body: bytes) -> None:
        asked = Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        self.site.asked.append(asked)
        thing = self.site.find(asked)
        if any(asked.headers.get(name.lower()) != value for name, value in thing.wants.items()):
            return self._send(401, b"", {})
        if thing.status == 200 and thing.tagged and asked.headers.get("if-none-match") == thing.etag:
            return self._send(304, b"", {})
        data, headers = thing.body, dict(thing.headers)
        if thing.packed:
            data = gzip.compress(data, mtime=0)
            headers["Content-Encoding"] = "gzip"
        if thing.tagged:
            headers["ETag"] = thing.etag
        self._send(*self._part(asked, thing, data, headers), breaks=thing.breaks, pause=thing.pause)

    def _part(
        self, asked: Asked, thing: Thing, data: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        wanted = asked.headers.get("range", "")
        if not (thing.ranges and wanted and asked.headers.get("if-range") == thing.etag):
            return thing.status, data, headers
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        if start >= len(data):
            return 416, b"", headers
        return 206, data[start:], {**headers, "Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}

    def _send(
        self,
        status: int,
        data: bytes,
        headers: dict[str, str],
        *,
        breaks: list[int] | None = None,
        pause: float = 0,
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if breaks and breaks[0] < len(data):
            data, self.close_connection = data[: breaks.pop(0)], True
        # A client that was killed does not listen any more.
        with suppress(OSError):
            for start in range(0, len(data), PIECE):
                time.sleep(pause)
                self.wfile.write(data[start : start + PIECE])


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that do not trust us, or were killed, end here."""


@contextmanager
def website(tls: tuple[Path, Path] | None = None) -> Iterator[Site]:
    """A running server at 127.0.0.1. `tls` is (certificate, key)."""
    site = Site()
    handler = type("OwnHandler", (Handler,), {"site": site})
    server = _Server(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    site.port = server.server_address[1]
    site.url = f"{'https' if tls else 'http'}://127.0.0.1:{site.port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
