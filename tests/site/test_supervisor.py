from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def node(data: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ATALAYA_")}
    environment |= {"PYTHONPATH": str(ROOT / "src"), "ATALAYA_DATA": str(data), "ATALAYA_WEB_PORT": str(port), "ATALAYA_NODE_STATE": "BB"}
    command = [sys.executable, "-m", "atalaya.site.cli", "up"]
    log = open(data.parent / f"{data.name}.log", "a")  # noqa: SIM115 - the node writes into it
    process = subprocess.Popen(command, env=environment, stderr=log, stdout=log, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        log.close()


def wait_for(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as response:
                assert response.status == 200
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the node does not answer")


def children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_it_starts_restarts_what_dies_and_stops_cleanly(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    with node(data, port) as process:
        wait_for(process, port)
        log = (tmp_path / "data.log").read_text()
        assert "Password" in log
        running = children(process.pid)
        assert len(running) == 3
        os.kill(running[0], signal.SIGKILL)
        deadline = time.monotonic() + 30
        while (len(children(process.pid)) < 3 or running[0] in children(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.2)
        wait_for(process, port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert "Stopped." in (tmp_path / "data.log").read_text()
    with node(data, port) as again:
        wait_for(again, port)
        assert (tmp_path / "data.log").read_text().count("Password") == 1
        survivors = children(again.pid)
        again.kill()
        again.wait()
        deadline = time.monotonic() + 20
        while any(Path(f"/proc/{pid}/cmdline").exists() for pid in survivors) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not any(Path(f"/proc/{pid}/cmdline").exists() for pid in survivors), "orphans keep running"
