"""A small mail server for the demonstration: takes every message and keeps it in a folder, sends nothing anywhere."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Handler(socketserver.StreamRequestHandler):
    """One SMTP conversation (RFC 5321), as far as our own sending needs it."""

    timeout = 30

    def handle(self) -> None:
        self._say("220 demo")
        while line := self.rfile.readline(1000):
            verb = line[:4].upper().strip()
            if verb == b"DATA":
                self._say("354 go on")
                self._keep()
                self._say("250 kept")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 demo")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def _keep(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line[1:] if line.startswith(b".") else line)
        server = self.server
        assert isinstance(server, Mailbox)
        server.keep(b"".join(lines))


class Mailbox(socketserver.ThreadingTCPServer):
    """Listens on a free local port and writes messages as files 0001.eml, 0002.eml ... into `folder`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.count = 0
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, message: bytes) -> None:
        self.count += 1
        (self.folder / f"{self.count:04}.eml").write_bytes(message)


@contextmanager
def mailbox(folder: Path) -> Iterator[Mailbox]:
    """A running mailbox; its port is `server_address[1]`."""
    with Mailbox(folder) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(5)
