"""A backup while files come in and notices go out: is what comes back the same, how long does it take, how large is it?

Run: `./atalaya bench backup`. A real node (web, worker, mail) is fed file after file without a pause; in the middle a backup is
taken. What the node held at that moment is read from the node itself, through the database's own snapshot and the event
table's version, and not from the backup. The backup is restored into an empty folder (PostgreSQL: an empty database),
read anew and compared; then the restored node is started, and must bring to its end whatever was under way.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.measure import ROOT, Figure

ORGANISATIONS = 6
HEAD = "timestamp,severity,ip,protocol,port,hostname,tag,asn,geo,region,city,naics,hostname_source,sector\n"
LEAST_FILES = 10
"""Files that are done, at least, before the backup begins."""
GOAL_SECONDS = 60.0
"""For the whole backup of this node on a laptop, while two processes use its cores."""

WORLD = f"""
from atalaya.apps.registry import actions
from atalaya.apps.registry.models import Contact, Network, Organisation
for n in range({ORGANISATIONS}):
    one = actions.save_organisation(Organisation(state_id="BB", name=f"Plant {{n}}", sector="energy", critical=True), by=None)
    actions.save_network(Network(organisation=one, kind="prefix", value=f"10.{{n}}.0.0/16"), by=None)
    actions.save_contact(Contact(organisation=one, name="Duty", email=f"duty@plant{{n}}.example", language="es"), by=None)
"""
FEED = """
import sys, time
from pathlib import Path
from bench.backup import report
from atalaya.apps.events import actions
rows, number = int(sys.argv[1]), 0
while True:
    number += 1
    text = report(number, rows if number > 1 else int(sys.argv[2]))
    actions.receive(text.encode(), by=None, state="BB", name=f"2026-11-01-scan_rdp-{number}.csv", channel="command")
    time.sleep(0.1 if Path(sys.argv[3]).exists() else 0.5)
"""
DONE = """
from atalaya.apps.events.models import Ingest
from atalaya.apps.notices.models import Notice
print(Ingest.objects.filter(status="done").count(), Notice.objects.filter(status="sent").count())
"""
LEFT = """
from atalaya.apps.events.models import Ingest
print(Ingest.objects.exclude(status__in=["done", "failed"]).count())
"""
TAKE = """
import json, sys, time
from pathlib import Path
from bench.backup import told
from atalaya.apps.events.models import Ingest
from atalaya.site import archive
spent, then = 0.0, 0
def during(held):
    global spent, then
    began = time.perf_counter()
    then = held.query("SELECT count(*) FROM events_ingest")[0][0]
    Path(sys.argv[2]).write_text(json.dumps(told(held)))
    spent = time.perf_counter() - began
began = time.perf_counter()
summary = archive.backup(Path(sys.argv[1]), during=during)
seconds = time.perf_counter() - began - spent
print(json.dumps({**summary, "seconds": seconds, "received": Ingest.objects.count() - then}))
"""
HELD = """
import json
from django.conf import settings
from bench.backup import told
from atalaya.site import snapshot
with snapshot.taken(settings.CONFIG) as held:
    print(json.dumps(told(held)))
"""


def told(held: Any) -> dict[str, Any]:
    """What a node holds at a moment (`atalaya.site.snapshot.Snapshot`), read from the node's own database and table."""
    from django.conf import settings

    from bench import contents

    root = Path(settings.CONFIG.data)
    ingests = held.query(
        "SELECT state_id, sha256, status, rows_read, rows_kept, rows_doubled, rows_rejected FROM events_ingest"
    )
    return {
        "database": contents.of_database(held.query, sqlite=held.sqlite is not None),
        "events": contents.of_events(root / "events", held.table.data),
        "version": held.table.version,
        "ingests": [list(row) for row in ingests],
        "originals": contents.wrong_originals(root, (row[1] for row in ingests)),
    }  # fmt: skip


def disagreements(node: dict[str, Any]) -> list[str]:
    """Where database and event table of one node do not say the same: rows = events + duplicates + rejected, for each file."""
    found = []
    counted = {file: int(text.partition(":")[0]) for file, text in node["events"].items()}
    for state, sha256, status, read, kept, doubled, rejected in node["ingests"]:
        events = counted.pop(f"{state}:{sha256}", 0)
        if status in ("stored", "done") and (events != kept or read != kept + doubled + rejected):
            found.append(
                f"{sha256}: {read} read, {events} events, {kept} kept, {doubled} doubled, {rejected} rejected"
            )
    return found + [f"{file}: the database does not know it" for file in counted]


def report(number: int, rows: int) -> str:
    """One feed file: every row another machine, the last row a broken one."""
    lines = [
        f"2026-11-{1 + number % 20:02} {n // 60 % 24:02}:{n % 60:02}:00,high,10.{n % ORGANISATIONS}.{number % 250}.{n // ORGANISATIONS % 250},"
        f"tcp,{1024 + (number // 250 * 40 + n // (ORGANISATIONS * 250)) % 60000},,rdp,,BB,,,,,\n"
        for n in range(rows)
    ]
    return HEAD + "".join(lines) + "broken,row\n"


class _Mail(socketserver.StreamRequestHandler):
    """A mail server that takes everything and keeps nothing."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        in_data = False
        for line in self.rfile:
            if in_data:
                in_data = line.rstrip() != b"."
                if in_data:
                    continue
            verb = line[:4].upper()
            in_data = verb == b"DATA"
            self.wfile.write(
                b"354 go on\r\n" if in_data else b"221 bye\r\n" if verb == b"QUIT" else b"250 taken\r\n"
            )
            if verb == b"QUIT":
                return


@contextmanager
def mail_server() -> Iterator[int]:
    """The port of a mail server on this machine."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mail) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


@dataclass
class Node:
    """A node on a data folder and, with `url`, a PostgreSQL database of its own."""

    data: Path
    url: str
    mail: int
    port: int = field(default_factory=lambda: _free_port())

    @property
    def environment(self) -> dict[str, str]:
        plain = {key: value for key, value in os.environ.items() if not key.startswith("ATALAYA_")}
        own = {
            "DATA": str(self.data), "WEB_PORT": str(self.port), "NODE_STATE": "BB", "DATABASE_URL": self.url, "MAIL_HOST": "127.0.0.1",
            "MAIL_PORT": str(self.mail), "MAIL_SECURITY": "none", "MAIL_SENDER": "csirt@example.org", "MAIL_TIMEOUT": "2",
        }  # fmt: skip
        path = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
        return {**plain, **{f"ATALAYA_{key}": value for key, value in own.items()}, "PYTHONPATH": path}

    def start(self, code: str, *arguments: str) -> subprocess.Popen[str]:
        """Run Python code in the node's Django, in the background."""
        begin = "from atalaya.site.cli import start_django; start_django()\n"
        command = [sys.executable, "-c", begin + code, *arguments]
        return subprocess.Popen(
            command, env=self.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def ask(self, code: str, *arguments: str) -> str:
        """Run Python code in the node's Django, and return what it printed."""
        process = self.start(code, *arguments)
        out, err = process.communicate(timeout=900)
        if process.returncode:
            raise RuntimeError(err[-3000:])
        return out

    def command(self, *arguments: str) -> str:
        """Run one command of the command line to its end."""
        command = [sys.executable, "-m", "atalaya.site.cli", *arguments]
        return subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout

    @contextmanager
    def running(self) -> Iterator[None]:
        """The node, up for the length of the block."""
        with open(self.data.with_suffix(".log"), "a") as log:
            command = [sys.executable, "-m", "atalaya.site.cli", "up"]
            process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        try:
            _until(lambda: _answers(self.port), 120)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _until(holds: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} seconds")
        time.sleep(0.3)


def own_database(server: str) -> str:
    """An empty database on the PostgreSQL server at this URL; empty text stays empty: SQLite."""
    if not server:
        return ""
    import psycopg

    name = f"node_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return urlsplit(server)._replace(path=f"/{name}").geturl()


@dataclass(frozen=True)
class Outcome:
    """What came of one backup under load. `differences` is empty when what came back is the same."""

    differences: list[str]
    seconds: float
    restore_seconds: float
    bytes: int
    events: int
    files: int
    received_meanwhile: int
    notices: int
    unfinished: int
    audit: str


def measure(folder: Path, *, server: str = "", rows: int = 2_000, first: int = 2_000) -> Outcome:
    """One backup under load. `rows` of each file, `first` of the first one; `server` is a PostgreSQL server's URL."""
    with mail_server() as mail:
        source = Node(folder / "source", own_database(server), mail)
        before, summary, sent = _loaded(source, folder, rows, first)
        restored = Node(folder / "restored", own_database(server), _free_port())
        began = time.perf_counter()
        restored.command("restore", str(folder / "node.tar"))
        took = time.perf_counter() - began
        after = json.loads(restored.ask(HELD))
        differences = [*compared(before, after), *disagreements(after)]
        unfinished = sum(row[2] not in ("done", "failed") for row in after["ingests"])
        with restored.running():
            _until(lambda: int(restored.ask(LEFT)) == 0, 900)
        differences += disagreements(json.loads(restored.ask(HELD)))
        audit = restored.command("audit", "verify")
    return Outcome(
        differences, summary["seconds"], took, summary["bytes"], summary["events"], summary["files"],
        summary["received"], sent, unfinished, audit.splitlines()[0],
    )  # fmt: skip


def _loaded(source: Node, folder: Path, rows: int, first: int) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Feed a node, and take the backup in the middle of it. What it held then, the backup's summary, notices sent."""
    hurry = folder / "hurry"
    with source.running():
        source.ask(WORLD)
        feeder = source.start(FEED, str(rows), str(first), str(hurry))
        try:
            _until(lambda: _busy(source), 900)
            hurry.touch()  # from now on ten files a second
            summary = json.loads(source.ask(TAKE, str(folder / "node.tar"), str(folder / "before.json")))
        finally:
            feeder.kill()
            feeder.wait()
        sent = int(source.ask(DONE).split()[1])
    return json.loads((folder / "before.json").read_text()), summary, sent


def _busy(source: Node) -> bool:
    done, sent = map(int, source.ask(DONE).split())
    return done >= LEAST_FILES and sent > 0


def compared(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What is not the same in two nodes; what one of them lacks counts."""
    found = []
    for part in ("database", "events"):
        for name in sorted(before[part].keys() | after[part].keys()):
            if before[part].get(name) != after[part].get(name):
                found.append(
                    f"{part} {name}: {before[part].get(name, 'missing')}, then {after[part].get(name, 'missing')}"
                )
    return found + [f"original {sha256}" for sha256 in (*before["originals"], *after["originals"])]


def run() -> list[Figure]:
    """Measure and return the figures with their goals, on SQLite and, where it is installed, on PostgreSQL."""
    from atalaya.site import testing

    figures = _figures("", "SQLite")
    if testing.find("initdb"):
        with testing.postgres() as server:
            figures += _figures(server, "PostgreSQL")
    return figures


def _figures(server: str, name: str) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="atalaya-backup-") as folder:
        found = measure(Path(folder), server=server, rows=2_000, first=100_000)
    for line in found.differences:
        print(f"  {name}: {line}", file=sys.stderr)
    return [
        Figure(f"{name}: differences after restore", len(found.differences), "", goal=0),
        Figure(f"{name}: files received during the backup", found.received_meanwhile, "files", goal=1, at_most=False),
        Figure(f"{name}: backup under load", found.seconds, "s", goal=GOAL_SECONDS),
        Figure(f"{name}: restore", found.restore_seconds, "s", goal=GOAL_SECONDS),
        Figure(f"{name}: size of the backup", found.bytes / 1e6, "MB"),
        Figure(f"{name}: events in it", found.events, "events"),
        Figure(f"{name}: size for each event, records and originals included", found.bytes / found.events, "bytes", goal=1_000),
        Figure(f"{name}: notices sent", found.notices, "notices", goal=1, at_most=False),
        Figure(f"{name}: files under way, finished by the restored node", found.unfinished, "files"),
    ]  # fmt: skip
