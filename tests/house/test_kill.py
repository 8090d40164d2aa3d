"""kill -9 of any process of a real node at twenty random moments, while feed files come in and notices go out.

Afterwards every accepted row is in the event table exactly once, and every notice recorded as sent reached the mail server once:
a second copy is only allowed where the ledger itself says that an attempt's outcome is unknown.
"""

from __future__ import annotations

import email
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from tests.node import ROOT, Node, free_port

pytestmark = [pytest.mark.slow, pytest.mark.mail, pytest.mark.xdist_group("kill")]

KILLS = 20
FILES = 16
ROWS = 1500
ORGANISATIONS = 6
HEAD = "timestamp,severity,ip,protocol,port,hostname,tag,asn,geo,region,city,naics,hostname_source,sector\n"
SETTLE_SECONDS = 240

WORLD = """
from atalaya.apps.registry import actions
from atalaya.apps.registry.models import Contact, Network, Organisation
for n in range({organisations}):
    organisation = actions.save_organisation(Organisation(state_id="BB", name=f"Plant {{n}}", sector="energy", critical=True), by=None)
    actions.save_network(Network(organisation=organisation, kind="prefix", value=f"10.{{n}}.0.0/16"), by=None)
    actions.save_contact(Contact(organisation=organisation, name="Duty", email=f"duty@plant{{n}}.example", language="es"), by=None)
"""

LEFT_TO_DO = """
from django.db.models import Q
from django.utils import timezone
from atalaya.apps.events.models import Ingest
from atalaya.apps.jobs.models import Job
from atalaya.apps.notices.models import Notice
unfinished = Ingest.objects.exclude(status__in=["done", "failed"]).count()
busy = Job.objects.filter(status__in=["ready", "running"], name__in=["events.process", "notices.collect", "notices.send"]).count()
print(unfinished + busy + Notice.objects.filter(status__in=["waiting", "ready"], send_after__lte=timezone.now()).count())
"""

OUTCOME = """
import json
from atalaya.apps.events.models import Finding, Ingest
from atalaya.apps.events.tables import event_table
from atalaya.apps.jobs.models import Job
from atalaya.apps.notices.models import Attempt, Notice, NoticeFinding
from atalaya.core.store.reading import scan
table = event_table()
rows = scan(table.path, table.manifest()["path"]).select("raw_file", "raw_row").collect()
notices = list(Notice.objects.values("message_id", "status", "problem"))
unknown = list(Attempt.objects.exclude(outcome="accepted").values_list("notice__message_id", flat=True))
print(json.dumps({
    "ingests": [[i.status, i.rows_read, i.rows_kept, i.rows_doubled, i.rows_rejected, i.message] for i in Ingest.objects.all()],
    "rows": rows.height, "distinct": rows.unique().height,
    "findings": Finding.objects.count(), "sightings": sum(Finding.objects.values_list("count", flat=True)),
    "told": NoticeFinding.objects.values("finding_key").distinct().count(),
    "notices": notices, "unknown": unknown, "dead": list(Job.objects.filter(status="dead").values_list("name", "error")),
}))
"""


class Mailbox:
    """A mail server's memory: how often each Message-ID was accepted."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.seen[str(email.message_from_bytes(envelope.content)["Message-ID"])] += 1
        return "250 kept"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    handler, port = Mailbox(), free_port()
    server = Controller(handler, hostname="127.0.0.1", port=port)
    server.start()
    yield handler, port
    server.stop()


def report(number: int) -> str:
    """One feed file: every row another machine, the last row a broken one."""
    rows = [
        f"2026-11-{1 + number % 20:02} {n // 60 % 24:02}:{n % 60:02}:00,high,10.{n % ORGANISATIONS}.{number}.{n // ORGANISATIONS % 250},"
        f"tcp,{3389 + n // (ORGANISATIONS * 250)},,rdp,,BB,,,,,\n"
        for n in range(ROWS)
    ]
    return HEAD + "".join(rows) + "broken,row\n"


class Feeder(threading.Thread):
    """Takes files in by the command line, one after the other, and again when the command was killed."""

    def __init__(self, node: Node, files: list[Path]) -> None:
        super().__init__(daemon=True)
        self.node, self.waiting = node, list(files)
        self.command: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        while self.waiting:
            arguments = [sys.executable, "-m", "atalaya.site.cli", "ingest", str(self.waiting[0])]
            quiet = subprocess.DEVNULL
            self.command = subprocess.Popen(
                arguments, env=self.node.environment, cwd=ROOT, stdout=quiet, stderr=quiet
            )
            if self.command.wait() == 0:
                self.waiting.pop(0)


def victims(node: Node, feeder: Feeder) -> list[int]:
    running = node.family() if node.process is not None and node.process.poll() is None else []
    command = feeder.command
    return running + ([command.pid] if command is not None and command.poll() is None else [])


def kill_at_random(node: Node, feeder: Feeder, dice: random.Random) -> int:
    kills = 0
    while kills < KILLS:
        time.sleep(dice.uniform(0.2, 2.0))
        targets = victims(node, feeder)
        if targets:
            os.kill(dice.choice(targets), signal.SIGKILL)
            kills += 1
        if node.process is not None and node.process.poll() is not None:
            node.process.wait()
            time.sleep(1.0)
            node.start()
    return kills


def settle(node: Node) -> None:
    """Wait until nothing is left to do."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        if node.process is not None and node.process.poll() is not None:
            node.start()
        if int(node.python(LEFT_TO_DO)) == 0:
            return
        time.sleep(2)
    raise AssertionError(f"not settled: {node.python(OUTCOME)[:3000]}\n{node.log[-3000:]}")


def test_it_loses_nothing_and_repeats_nothing_when_killed(
    tmp_path: Path, mailbox: tuple[Mailbox, int]
) -> None:
    handler, port = mailbox
    settings = {
        "MAIL_HOST": "127.0.0.1", "MAIL_PORT": str(port), "MAIL_SECURITY": "none", "MAIL_SENDER": "csirt@example.org", "MAIL_TIMEOUT": "1",
    }  # fmt: skip
    node = Node(tmp_path / "data", settings)
    files = [tmp_path / f"2026-11-{1 + n % 20:02}-scan_rdp-{n}.csv" for n in range(FILES)]
    for number, path in enumerate(files):
        path.write_text(report(number))
    try:
        node.start()
        node.wait()
        node.python(WORLD.format(organisations=ORGANISATIONS))
        feeder = Feeder(node, files)
        feeder.start()
        assert kill_at_random(node, feeder, random.Random(os.environ.get("ATALAYA_SEED", "2012"))) == KILLS
        feeder.join(180)
        assert not feeder.is_alive()
        settle(node)
        _judge(json.loads(node.python(OUTCOME)), handler.seen)
    finally:
        node.end()


def _judge(outcome: dict[str, Any], seen: Counter[str]) -> None:
    assert outcome["dead"] == []
    assert [row for row in outcome["ingests"] if row[:5] != ["done", ROWS + 1, ROWS, 0, 1]] == []
    assert len(outcome["ingests"]) == FILES
    assert outcome["rows"] == outcome["distinct"] == FILES * ROWS
    assert outcome["findings"] == outcome["sightings"] == FILES * ROWS
    assert outcome["told"] == outcome["findings"], "every finding is in a notice"
    unknown = Counter(outcome["unknown"])
    sent = [notice for notice in outcome["notices"] if notice["status"] == "sent"]
    assert len(sent) >= ORGANISATIONS
    for notice in sent:
        assert 1 <= seen[notice["message_id"]] <= 1 + unknown[notice["message_id"]], notice
    assert set(seen) == {notice["message_id"] for notice in sent}
    # What came after an organisation was told waits to be gathered into its next notice.
    assert {notice["status"] for notice in outcome["notices"]} <= {"sent", "waiting"}
