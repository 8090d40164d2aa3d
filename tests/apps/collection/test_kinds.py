"""Shadowserver's API, MISP feeds and TAXII collections as sources of events."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import io
import json
import time
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.wire.mailserver import PASSWORD, USER, mailserver
from tests.wire.postbox import authority
from tests.wire.webserver import Asked, Site, Thing, website

from atalaya.apps.collection import actions, gathering
from atalaya.apps.collection.models import Run, Source
from atalaya.apps.events.models import Ingest
from atalaya.apps.jobs import worker

pytestmark = pytest.mark.django_db

Make = Callable[..., Source]
SCAN = "timestamp,severity,ip,protocol,port,hostname,tag,asn,geo,region,city,naics,hostname_source,sector\n"


def run(source: Source) -> Run:
    found = actions.fetch(source.pk)
    assert found is not None
    source.refresh_from_db()
    return found


class Shadowserver:
    """The reports API: reports by identifier, and whether the signature was right."""

    def __init__(self, site: Site) -> None:
        self.reports: dict[str, tuple[str, bytes]] = {}
        self.questions: list[dict[str, Any]] = []
        self.site = site
        site.things["/api2/reports/list"] = self.list

    def put(self, identifier: str, file: str, body: str) -> None:
        self.reports[identifier] = (file, body.encode())
        self.site.put(f"/dl/{identifier}", body.encode())

    def list(self, asked: Asked) -> Thing:
        right = hmac.new(b"geheim", asked.body, hashlib.sha256).hexdigest()
        question = json.loads(asked.body)
        if asked.headers.get("hmac2") != right or question["apikey"] != "me":
            return Thing(b'{"error": "bad signature"}', 200)
        self.questions.append(question)
        told = [
            {"id": i, "file": f, "timestamp": "2026-11-20 00:00:00"} for i, (f, _) in self.reports.items()
        ]
        return Thing(json.dumps(told).encode())


@pytest.fixture
def shadowserver(site: Site) -> Shadowserver:
    return Shadowserver(site)


def test_it_fetches_reports_from_shadowserver_once(shadowserver: Shadowserver, source: Make) -> None:
    site = shadowserver.site
    row = source(
        site.url + "/api2/", kind="shadowserver", auth="hmac", login="me", secret="geheim", feed="",
        options={"files": site.url + "/dl/", "reports": "jamaica, barbados"},
    )  # fmt: skip
    shadowserver.put(
        "aAbB_1",
        "2026-11-20-scan_rdp-x.csv",
        SCAN + "2026-11-20 10:00:00,high,192.0.2.1,tcp,3389,,rdp,,,,,,,\n",
    )
    shadowserver.put(
        "aAbB_2",
        "2026-11-20-scan_telnet-x.csv",
        SCAN + "2026-11-20 10:00:00,high,192.0.2.1,tcp,23,,telnet,,,,,,,\n",
    )
    assert (run(row).files, row.status) == (2, "good")
    assert shadowserver.questions[0]["reports"] == ["jamaica", "barbados"]
    worker.run_all()
    assert set(Ingest.objects.values_list("feed", "status")) == {
        ("shadowserver-scan-rdp", "done"),
        ("shadowserver-scan-telnet", "done"),
    }
    assert run(row).result == "same"
    shadowserver.put(
        "aAbB_3",
        "2026-11-21-scan_rdp-x.csv",
        SCAN + "2026-11-21 10:00:00,high,192.0.2.1,tcp,3389,,rdp,,,,,,,\n",
    )
    assert run(row).files == 1
    assert [one.path for one in site.asked if one.path.startswith("/dl/")] == [
        "/dl/aAbB_1",
        "/dl/aAbB_2",
        "/dl/aAbB_3",
    ]
    assert gathering.probe(row, gathering.line()) == "3 reports"


def test_it_says_that_shadowserver_does_not_know_us(shadowserver: Shadowserver, source: Make) -> None:
    row = source(
        shadowserver.site.url + "/api2/",
        kind="shadowserver",
        auth="hmac",
        login="me",
        secret="wrong",
        feed="",
    )
    assert "bad signature" in run(row).message
    assert row.status == "failing"


def test_it_goes_on_after_a_report_that_did_not_come(shadowserver: Shadowserver, source: Make) -> None:
    site = shadowserver.site
    row = source(
        site.url + "/api2/", kind="shadowserver", auth="hmac", login="me", secret="geheim", feed="",
        options={"files": site.url + "/dl/"},
    )  # fmt: skip
    shadowserver.put(
        "one", "2026-11-20-scan_rdp-x.csv", SCAN + "2026-11-20 10:00:00,high,192.0.2.1,tcp,3389,,rdp,,,,,,,\n"
    )
    shadowserver.put("two", "2026-11-20-scan_telnet-x.csv", SCAN)
    site.things["/dl/two"] = Thing(b"", 503)
    assert (run(row).result, Ingest.objects.count()) == ("failed", 1)
    site.put("/dl/two", SCAN.encode())
    assert run(row).files == 1
    assert sum(one.path == "/dl/one" for one in site.asked) == 1


def misp_event(uuid: str, address: str, *, kind: str = "ip-dst", ids: bool = True) -> bytes:
    attribute = {
        "uuid": uuid,
        "type": kind,
        "to_ids": ids,
        "value": address,
        "timestamp": str(int(time.time())),
    }
    return json.dumps({"Event": {"uuid": uuid, "info": "x", "Attribute": [attribute]}}).encode()


def test_it_fetches_new_and_changed_events_of_a_misp_feed(site: Site, source: Make) -> None:
    one, two, old = (f"5f1e3a52-0001-4a01-8001-0a0a0a0a0a0{n}" for n in (1, 2, 3))
    now = int(time.time())

    def manifest(**seconds: int) -> None:
        told = {uuid: {"timestamp": str(second), "info": "x"} for uuid, second in seconds.items()}
        site.put("/feed/manifest.json", json.dumps({**told, "../evil": {"timestamp": str(now)}}).encode())

    manifest(**{one: now - 50, old: now - 90 * 86400})
    site.put(f"/feed/{one}.json", misp_event(one, "192.0.2.1"))
    row = source(site.url + "/feed/", kind="misp", feed="misp-feed", options={"days": 30})
    assert run(row).files == 1
    assert run(row).result == "same"
    assert [a.path for a in site.asked] == ["/feed/manifest.json", f"/feed/{one}.json", "/feed/manifest.json"]
    manifest(**{one: now - 40, two: now - 30, old: now - 90 * 86400})
    site.put(f"/feed/{one}.json", misp_event(one, "192.0.2.9"))
    site.put(f"/feed/{two}.json", misp_event(two, "just words", kind="comment", ids=False))
    assert run(row).files == 1, "an event of context alone is no file with events"
    worker.run_all()
    assert set(Ingest.objects.values_list("feed", "rows_kept")) == {("misp-feed", 1)}
    assert set(row.memory["seen"]) == {one, two}


def test_it_takes_up_a_misp_feed_where_it_was_broken_off(site: Site, source: Make) -> None:
    one, two = (f"5f1e3a52-0001-4a01-8001-0a0a0a0a0a0{n}" for n in (1, 2))
    now = int(time.time())
    site.put(
        "/manifest.json", json.dumps({one: {"timestamp": now - 9}, two: {"timestamp": now - 8}}).encode()
    )
    site.put(f"/{one}.json", misp_event(one, "192.0.2.1"))
    row = source(site.url, kind="misp", feed="misp-feed")
    assert "404" in run(row).message
    site.put(f"/{two}.json", misp_event(two, "192.0.2.2"))
    assert run(row).files == 1
    assert sum(a.path == f"/{one}.json" for a in site.asked) == 1


class Taxii:
    """A collection: objects with the time at which they were added, two a page."""

    def __init__(self, site: Site) -> None:
        self.objects: list[tuple[str, dict[str, Any]]] = []
        site.things["/api/collections/c1/objects/"] = self.answer

    def answer(self, asked: Asked) -> Thing:
        if "taxii+json" not in asked.headers["accept"]:
            return Thing(b"", 406)
        question = parse_qs(urlsplit(asked.path).query)
        after, start = question["added_after"][0], int(question.get("next", ["0"])[0])
        found = [(added, thing) for added, thing in self.objects if added > after]
        part = found[start : start + 2]
        told: dict[str, Any] = {"objects": [thing for _, thing in part]} if part else {}
        if start + 2 < len(found):
            told |= {"more": True, "next": str(start + 2)}
        return Thing(
            json.dumps(told).encode(), headers={"X-TAXII-Date-Added-Last": part[-1][0]} if part else {}
        )


def indicator(number: int) -> dict[str, Any]:
    return {
        "type": "indicator", "id": f"indicator--{number}", "valid_from": "2026-11-20T10:00:00Z", "pattern_type": "stix",
        "pattern": f"[ipv4-addr:value = '192.0.2.{number}']",
    }  # fmt: skip


def test_it_fetches_what_was_added_to_a_taxii_collection(site: Site, source: Make) -> None:
    taxii = Taxii(site)
    later = time.strftime("%Y-%m-%dT", time.gmtime())
    taxii.objects = [(f"{later}10:00:0{n}Z", indicator(n)) for n in range(1, 6)]
    row = source(site.url + "/api/collections/c1/", kind="taxii", feed="taxii-indicators")
    assert run(row).files == 3
    assert row.memory == {"added_after": f"{later}10:00:05Z"}
    assert run(row).result == "same"
    taxii.objects.append((f"{later}11:00:00Z", {"type": "malware", "id": "malware--1"}))
    assert run(row).result == "same", "context alone is no file with events"
    taxii.objects.append((f"{later}12:00:00Z", indicator(7)))
    assert run(row).files == 1
    worker.run_all()
    assert sum(Ingest.objects.values_list("rows_kept", flat=True)) == 6
    assert not Ingest.objects.exclude(status="done").exists()


def test_it_fetches_files_out_of_a_mailbox(site: Site, source: Make, tmp_path: Path, settings: Any) -> None:
    certificate, key = authority(tmp_path)
    changed = dataclasses.replace(settings.CONFIG.collection, ca_file=str(certificate))
    settings.CONFIG = dataclasses.replace(settings.CONFIG, collection=changed)
    with mailserver(certificate, key) as box, website((certificate, key)) as linked:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(
                "2026-11-20-scan_rdp-x.csv",
                SCAN + "2026-11-20 10:00:00,high,192.0.2.1,tcp,3389,,rdp,,,,,,,\n",
            )
        message = EmailMessage()
        message.set_content(f"Your report: {linked.url}/report\nhttps://evil.example/\n")
        message.add_attachment(
            packed.getvalue(), maintype="application", subtype="zip", filename="report.zip"
        )
        kept = box.put(message.as_bytes())
        name = "2026-11-20-scan_telnet-x.csv"
        body = (SCAN + "2026-11-20 10:00:00,high,192.0.2.1,tcp,23,,telnet,,,,,,,\n").encode()
        linked.put("/report", body, headers={"Content-Disposition": f'attachment; filename="{name}"'})
        row = source(
            f"imaps://127.0.0.1:{box.port}", kind="imap", auth="basic", login=USER, secret=PASSWORD, feed="",
            options={"folder": "INBOX", "hosts": "127.0.0.1"},
        )  # fmt: skip
        assert gathering.probe(row, gathering.line()) == "INBOX"
        found = run(row)
        assert (found.files, found.message) == (2, "")
        assert kept.flags == {"\\Seen"}
        assert run(row).result == "same"
        message = EmailMessage()
        message.set_content(f"Gone: {linked.url}/gone\n")
        dead, kept = box.put(message.as_bytes()), box.put(EmailMessage().as_bytes())
        assert "404" in run(row).message
        assert (dead.flags, kept.flags) == ({"\\Seen"}, {"\\Seen"}), "a dead link holds up no other mail"
    worker.run_all()
    assert set(Ingest.objects.values_list("name", "rows_kept")) == {("report.zip", 1), (name, 1)}
