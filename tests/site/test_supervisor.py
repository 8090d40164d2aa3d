from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.node import Node, children
from tests.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "data")
    yield made
    made.end()


def test_it_starts_restarts_what_dies_and_stops_cleanly(node: Node) -> None:
    node.start()
    node.wait()
    assert node.log.count("Password") == 1
    assert eventually(lambda: len(node.family()) == 3, 30), "supervisor, web and worker"
    _supervisor, *running = node.family()
    os.kill(running[0], signal.SIGKILL)
    assert eventually(lambda: len(node.family()) == 3 and running[0] not in node.family(), 30)
    node.wait()
    assert node.run("up").returncode == 4, "a second node on the same data folder is refused"
    assert node.stop() == 0
    assert "Stopped." in node.log

    node.start()
    node.wait()
    assert node.log.count("Password") == 1, "the one-time password is shown once"


def test_it_leaves_no_orphans_when_the_supervisor_is_killed(node: Node) -> None:
    node.start()
    node.wait()
    assert eventually(lambda: len(node.family()) == 3, 30)
    supervisor, *running = node.family()
    os.kill(supervisor, signal.SIGKILL)
    node.end()
    assert eventually(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in running), 30)
    assert children(supervisor) == []


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Another program listens on the port."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        yield


def test_it_says_that_its_port_is_taken_before_it_prepares_anything(node: Node) -> None:
    with taken(node.port):
        node.start()
        assert node.process is not None and node.process.wait(60) != 0
    assert f"cannot have port {node.port} at 127.0.0.1" in node.log
    assert "Ready" not in node.log and "Password" not in node.log and "Traceback" not in node.log


def test_it_waits_for_a_port_that_becomes_free(node: Node) -> None:
    with taken(node.port):
        node.start()
        time.sleep(1.5)
    node.wait()
