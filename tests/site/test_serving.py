"""The web server with its own options: clients that take nothing hold nobody up."""

from __future__ import annotations

import dataclasses
import http.client
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import waitress

from atalaya.core.limits import MIB
from atalaya.site import config, serving

PIECES = 96
"""MiB of a long answer: more than the system's own buffers and what waitress lets wait by itself."""


def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return iter([b"x" * MIB] * PIECES if environ["PATH_INFO"] == "/long" else [b"here"])


@pytest.fixture
def node(tmp_path: Path) -> config.Config:
    return dataclasses.replace(config.load({"ATALAYA_DATA": str(tmp_path)}), data=tmp_path)


@contextmanager
def served(options: dict[str, Any]) -> Iterator[int]:
    server = waitress.create_server(answer, host="127.0.0.1", port=0, **options)  # type: ignore[no-untyped-call]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield int(server.effective_port)
    finally:
        server.close()
        thread.join(5)


def ask(port: int, path: str) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), timeout=10)
    line.sendall(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    return line


def test_it_answers_while_others_take_nothing_of_long_answers(
    node: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(serving.spool(node)))
    with served(serving.options(node)) as port:
        slow = [ask(port, "/long") for _ in range(node.web.threads + 1)]
        time.sleep(0.5)
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/short")
        assert connection.getresponse().read() == b"here"
        assert time.monotonic() - began < 8
        came = http.client.HTTPResponse(slow[0])
        came.begin()
        assert len(came.read()) == PIECES * MIB, "who was slow gets all of it"
        for line in slow:
            line.close()
        connection.close()
    assert list((node.data / "spool").iterdir()) == []


def test_it_clears_away_what_a_killed_process_left(node: config.Config) -> None:
    folder = serving.spool(node)
    assert folder.stat().st_mode & 0o777 == 0o700
    old, fresh = folder / "old.upload", folder / "fresh.upload"
    for path in (old, fresh):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    assert serving.spool(node) == folder
    assert list(folder.iterdir()) == [fresh]
