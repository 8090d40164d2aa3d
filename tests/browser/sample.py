"""A country that looks real, written straight into the tables, so that pages have something to show."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import polars as pl
from django.utils import timezone
from tests.world import World

from atalaya.apps.events.models import Finding, Ingest, Reject
from atalaya.apps.events.queries import event_table
from atalaya.apps.jobs.models import Job
from atalaya.apps.notices.models import Notice
from atalaya.apps.registry.models import Certificate, Contact, Network, Organisation, State
from atalaya.apps.registry.queries import networks
from atalaya.core.feeds import Mapped
from atalaya.core.pipeline.run import run

BODIES = (
    ("Ministry of Health", "health", "public", True), ("Water and Sewerage Authority", "water", "public", True),
    ("Central Bank", "finance", "public", True), ("Co-operative Credit Union League", "finance", "civil", False),
    ("Islands Telecommunications Services", "telecom", "private", True), ("University, Main Campus", "education", "academic", False),
    ("Airports Authority", "transport", "public", True), ("National Petroleum Company", "energy", "private", True),
    ("Coral Bay Resort and Spa", "tourism", "private", False), ("The Morning Herald", "media", "private", False),
    ("Customs and Excise Division", "government", "public", True), ("Fisheries Co-operative", "food", "civil", False),
    ("General Hospital", "health", "public", True), ("Inter-Island Ferry Service", "transport", "public", False),
    ("Internet Exchange", "digital", "civil", True), ("Domain Registry", "digital", "civil", True),
    ("Electoral Commission", "government", "public", True), ("Rum Distillers", "industry", "private", False),
)  # fmt: skip

TROUBLE = (
    ("shadowserver-scan-rdp", "vulnerable", "potentially-unwanted-accessible", "open-rdp", 4, 3389, ""),
    ("shadowserver-scan-smb", "vulnerable", "potentially-unwanted-accessible", "open-smb", 4, 445, ""),
    (
        "shadowserver-scan-exchange",
        "vulnerable",
        "vulnerable-system",
        "vulnerable-exchange-server",
        5,
        443,
        "",
    ),
    ("shadowserver-event4-sinkhole", "malicious-code", "infected-system", "sinkhole", 4, None, "mirai"),
    ("shadowserver-scan-snmp", "vulnerable", "ddos-amplifier", "open-snmp", 3, 161, ""),
    ("shadowserver-scan-ssl-poodle", "vulnerable", "weak-crypto", "ssl-poodle", 2, 443, ""),
    ("shadowserver-compromised-website", "intrusions", "system-compromise", "webshell", 5, 443, ""),
    (
        "shadowserver-event4-honeypot-brute-force",
        "intrusion-attempts",
        "brute-force",
        "ssh-brute-force",
        4,
        None,
        "",
    ),
)


def build(world: World, *, findings: int = 400, seed: int = 7) -> None:
    """Organisations, networks, contacts, files, findings, notices and jobs of the world's first state. Needs no worker."""
    dice = random.Random(seed)  # noqa: S311  the same pages every time, nothing secret
    bodies = [world.port, world.bank, *_organisations(world.state)]
    _networks(bodies, dice)
    _files(world, dice)
    _findings(world.state, bodies, dice, findings)
    _notices(world, bodies, dice)
    events(world, dice)
    now = timezone.now()
    Job.objects.create(
        name="notices.send",
        status=Job.Status.DEAD,
        attempts=8,
        finished_at=now,
        error="The mail server refused.",
    )
    Job.objects.create(name="events.process", status=Job.Status.DONE, attempts=1, finished_at=now)


def events(world: World, dice: random.Random, *, days: int = 40) -> int:
    """Events of the world's first state in the event table, up to now; returns how many."""
    now = timezone.now()
    frame = pl.concat(list(_days(dice, now, days))).with_columns(
        raw_row=pl.int_range(pl.len(), dtype=pl.Int64)
    )
    empty = pl.DataFrame(schema={"row": pl.Int64, "field": pl.String, "reason": pl.String, "raw": pl.String})
    ready = Mapped(frame, empty, frame.height)
    sha256 = hashlib.sha256(world.port.pk.bytes).hexdigest()
    run(
        [ready],
        store=event_table(),
        sha256=sha256,
        state=world.state.code,
        networks=networks(),
        observed_at=now,
    )
    return frame.height


def _days(dice: random.Random, now: datetime, days: int) -> Iterator[pl.DataFrame]:
    names = ("undefined", "info", "low", "medium", "high", "critical")
    for day in range(days):
        for at, (feed, taxonomy, kind, identifier, severity, port, malware) in enumerate(TROUBLE):
            count = dice.randint(12, 30) * (9 - at) // 3 + (90 if day == 0 and at == 3 else 0)
            first = now - timedelta(days=day)
            seconds = 86_000 if day else max(60, first.hour * 3600)
            yield pl.DataFrame(
                {
                    "feed_code": [feed] * count, "feed_name": [feed] * count,
                    "classification_taxonomy": [taxonomy] * count, "classification_type": [kind] * count,
                    "classification_identifier": [identifier] * count, "severity": [names[severity]] * count,
                    "source_port": [port] * count, "malware_name": [malware or None] * count, "tlp": ["amber"] * count,
                    "source_ip": [f"203.0.113.{dice.randint(0, 200)}" for _ in range(count)],
                    "time_source": [first - timedelta(seconds=dice.randint(0, seconds)) for _ in range(count)],
                },
                schema_overrides={
                    "time_source": pl.Datetime("us", "UTC"), "source_port": pl.Int64, "malware_name": pl.String,
                },
            )  # fmt: skip


def _organisations(state: State) -> list[Organisation]:
    return [
        Organisation.objects.create(state=state, name=name, sector=sector, kind=kind, critical=critical)
        for name, sector, kind, critical in BODIES
    ]


def _networks(bodies: list[Organisation], dice: random.Random) -> None:
    now = timezone.now()
    for at, body in enumerate(bodies):
        Network.objects.create(
            organisation=body, kind="prefix", value=f"203.0.113.{at * 8}/29", source="LACNIC"
        )
        Network.objects.create(organisation=body, kind="domain", value=f"body{at}.example")
        certificate = None
        if dice.random() < 0.6:
            certificate = Certificate.objects.create(
                fingerprint=f"{at:040X}", armored="", user_ids=[f"Security <security@body{at}.example>"],
                status=dice.choice(["valid", "valid", "valid", "expired"]),
                expires_at=now + timedelta(days=dice.choice([9, 21, 300, 700])),
            )  # fmt: skip
        Contact.objects.create(
            organisation=body, name=dice.choice(["Marisol Joseph", "Anaïs Toussaint", "Kelvin Baptiste", "João Ribeiro"]),
            email=f"security@body{at}.example", phone="+1 868 555 0100", certificate=certificate,
            language=dice.choice(["en", "es", "fr", "pt-br"]),
        )  # fmt: skip


def _files(world: World, dice: random.Random) -> None:
    now = timezone.now()
    for day in range(40):
        for at, one in enumerate(TROUBLE[: 1 + day % 4]):
            kept, doubled, bad = dice.randint(20, 4000), dice.randint(0, 90), dice.choice([0, 0, 0, 3])
            failed = day == 0 and at == 0
            made = Ingest.objects.create(
                state=world.state, sha256=f"{day * 10 + at:064x}", feed="" if failed else one[0], channel="drop",
                name=f"{(now - timedelta(days=day)):%Y-%m-%d}-{one[0].removeprefix('shadowserver-').replace('-', '_')}-saint_elmo.csv",
                size=kept * 320, received_at=now - timedelta(days=day, minutes=17 * at), received_by=None,
                status="failed" if failed else "done", message="The file has no header." if failed else "",
                rows_read=0 if failed else kept + doubled + bad, rows_kept=0 if failed else kept,
                rows_doubled=0 if failed else doubled, rows_rejected=0 if failed else bad,
                rejects_seen_at=None if day < 3 else now, finished_at=now - timedelta(days=day),
            )  # fmt: skip
            if bad and not failed:
                reason = "This is not an IP address."
                Reject.objects.create(
                    ingest=made, row=12, field="source.ip", reason=reason, raw="2026-11-20,not-an-ip,tcp"
                )


def _findings(state: State, bodies: list[Organisation], dice: random.Random, count: int) -> None:
    now = timezone.now()
    rows = []
    for key in range(1, count + 1):
        feed, taxonomy, kind, identifier, severity, port, malware = dice.choice(TROUBLE)
        first = now - timedelta(days=dice.randint(1, 80), hours=dice.randint(0, 23))
        last = min(now - timedelta(minutes=dice.randint(5, 3000)), now)
        rows.append(
            Finding(
                key=key,
                state=state.code,
                organisation=dice.choice(bodies[: 4 + key % len(bodies)]),
                feed=feed,
                taxonomy=taxonomy,
                type=kind,
                identifier=identifier,
                severity=severity,
                port=port,
                malware=malware,
                address=f"203.0.113.{dice.randint(0, 160)}" if key % 9 else f"2001:db8:{key % 30:x}::{key:x}",
                first_seen=min(first, last),
                last_seen=last,
                count=dice.randint(1, 60),
                changed_at=last,
                status=dice.choices(["open", "gone", "back", "solved"], [6, 3, 0.5, 0.5])[0],
            )  # fmt: skip
        )
    Finding.objects.bulk_create(rows)


def _notices(world: World, bodies: list[Organisation], dice: random.Random) -> None:
    now = timezone.now()
    for at in range(60):
        body = dice.choice(bodies)
        status = dice.choices(["sent", "waiting", "failed", "held"], [8, 2, 0.4, 0.4])[0]
        contact = body.contacts.first()
        Notice.objects.create(
            state=world.state, organisation=body, contact=contact, recipient=contact.email if contact else "",
            language="en", type=dice.choice(TROUBLE)[2], window_start=now - timedelta(days=at // 3 + 1),
            window_end=now - timedelta(days=at // 3), send_after=now, status=status, why="You look after 203.0.113.0/29.",
            subject=f"{dice.randint(1, 40)} findings in your network: {body.name}", reply_token=f"token-{at}",
            body="What was seen", message_id=f"<{at}@node.example>", protection="signed", message_sha256=f"{at:064x}",
            problem="The mail server refused: 550 no such mailbox." if status == "failed" else "",
            created_at=now - timedelta(days=at // 3), sent_at=now if status == "sent" else None,
        )  # fmt: skip
