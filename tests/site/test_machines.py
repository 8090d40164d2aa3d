"""One node on two machines: each with workers and its part of the cluster, on one PostgreSQL and one shared folder.

The machines are two addresses of this one, each with processes of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from bench.cluster import digest
from bench.pipeline import FEED, generate
from tests.node import Node, children, free_port
from tests.waiting import eventually

from atalaya.core import feeds
from atalaya.core.engine.machine import PORTS
from atalaya.core.pipeline.attribute import Networks
from atalaya.core.pipeline.run import run
from atalaya.core.store import EventTable
from atalaya.site.testing import postgres

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]

ROWS = 400_000


@dataclass
class Beside(Node):
    """A machine that works for the node of another one."""

    def start(self) -> None:
        with open(self._log, "a") as log:
            command = [sys.executable, "-m", "atalaya.site.cli", "up", "--only", "worker"]
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, text=True)

    @property
    def _log(self) -> Path:
        return self.data.parent / "beside.log"


def below(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        found += children(one)
    return found


def title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def joined(machine: Node) -> bool:
    """Whether this machine's part of the cluster waits for pieces."""
    assert machine.process is not None
    return any(title(pid).startswith("ray::RuntimeEnvAgent") for pid in below(machine.process.pid))


def ingest(node: Node) -> tuple[Any, ...]:
    """What the records say of the one file: status, hash, arrival, and its counts."""
    columns = "status, sha256, received_at, rows_read, rows_kept, rows_doubled, rows_rejected"
    with psycopg.connect(node.settings["DATABASE_URL"]) as connection:
        found = connection.execute(f"SELECT {columns} FROM events_ingest").fetchone()  # type: ignore[call-overload]
        return found or ("",)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    """Two machines that are not started yet."""
    port = free_port() % 20_000 + 20_000
    given = os.environ.get("ATALAYA_DATABASE_URL", "")
    with nullcontext(given) if given else postgres() as url:
        settings = {
            "ENGINE_KIND": "cluster", "ENGINE_CORES": "1", "ENGINE_MEMORY_MB": "150", "ENGINE_PORT": str(port),
            "PIPELINE_EVENTS_FOLDER": str(tmp_path / "shared" / "events"), "DATABASE_URL": url,
        }  # fmt: skip
        if given:
            del settings["DATABASE_URL"]
        first = Node(tmp_path / "data", {**settings, "ENGINE_ADDRESS": "127.0.0.2"})
        settings["DATABASE_URL"] = first.settings["DATABASE_URL"]
        # Ray listens on every address, so here the second machine needs other ports than the first.
        own = {
            "ENGINE_ADDRESS": "127.0.0.3",
            "ENGINE_FIRST": f"127.0.0.2:{port}",
            "ENGINE_PORT": str(port + PORTS),
        }
        second = Beside(tmp_path / "data", {**settings, **own})
        yield first, second
        for machine in (second, first):
            if machine.process is not None and machine.process.poll() is None:
                machine.stop()
            machine.end()


def test_it_works_nowhere_without_a_node(tmp_path: Path) -> None:
    done = Node(tmp_path / "empty", {"DATABASE_URL": ""}).run("up", "--only", "worker")
    assert done.returncode == 4 and "holds no node" in done.stderr


def test_it_takes_a_large_file_on_two_machines_one_of_which_loses_a_worker(
    machines: tuple[Node, Node], tmp_path: Path
) -> None:
    first, second = machines
    first.start()
    first.wait()
    second.start()
    assert second.process is not None and first.process is not None
    assert eventually(lambda: joined(second), 120), first.log + second.log
    assert not [pid for pid in below(second.process.pid) if "process\0web" in title(pid)]

    report = tmp_path / "report.csv"
    generate(report, ROWS)
    drop = first.data / "drop"
    os.link(report, drop / ".part")
    (drop / ".part").rename(drop / "2026-01-01-scan_netbios-barbados.csv")
    killed: list[int] = []

    def kill_one() -> bool:
        assert second.process is not None
        busy = [pid for pid in below(second.process.pid) if title(pid).startswith("ray::_run")]
        for pid in busy[:1]:
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        return bool(busy)

    assert eventually(kill_one, 120), first.log + second.log
    assert eventually(lambda: ingest(first)[0] == "done", 180), first.log + second.log
    assert killed

    alone = EventTable(tmp_path / "alone")
    feed = feeds.catalogue().get(FEED)
    _, sha256, received_at, *counts = ingest(first)
    result = run(
        feeds.read(report, feed), store=alone, sha256=sha256, state="BB", networks=Networks.build(), observed_at=received_at
    )  # fmt: skip
    assert counts == [ROWS, result.kept, result.doubled, result.rejected]
    assert digest(EventTable(tmp_path / "shared" / "events")) == digest(alone)

    for machine in (second, first):
        family = below(machine.process.pid)  # type: ignore[union-attr]
        assert machine.stop() == 0, machine.log
        assert eventually(lambda family=family: not any(title(pid) for pid in family), 20)  # type: ignore[misc]
