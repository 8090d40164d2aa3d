"""A peer that is never late and never done: it says something, and then a byte every few milliseconds."""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HANDSHAKE = b"\x16\x03\x03\x3f\xff"
"""The beginning of a TLS record of 16 KiB."""
PAUSE = 0.02


@contextmanager
def dripping(head: bytes, drop: bytes = b"x", *, tls: tuple[Path, Path] | None = None) -> Iterator[int]:
    """A peer at the port that is given; `tls` is (certificate, key)."""
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PAUSE)
        thread = threading.Thread(target=_serve, args=(listener, context, head, drop, stop), daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            stop.set()
            thread.join(5)


def _serve(
    listener: socket.socket, context: ssl.SSLContext | None, head: bytes, drop: bytes, stop: threading.Event
) -> None:
    while not stop.is_set():
        with suppress(OSError):
            line, _ = listener.accept()
            line.settimeout(5)
            with context.wrap_socket(line, server_side=True) if context else line as spoken:
                _drip(spoken, head, drop, stop)


def _drip(line: socket.socket, head: bytes, drop: bytes, stop: threading.Event) -> None:
    for byte in itertools.chain([head], itertools.repeat(drop)):
        line.sendall(byte)
        if stop.wait(PAUSE):
            return
