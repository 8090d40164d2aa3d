"""Reference files: loaded, compiled, used, replaced and removed; and who may do that."""

from __future__ import annotations

import io
import ipaddress
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from tests.apps.events.conftest import Take, data, line, owned, take
from tests.core.enrich.mmdb_writer import written
from tests.house.source import ROOT
from tests.world import World

from atalaya.apps.events.queries import one_event
from atalaya.apps.jobs.models import Job
from atalaya.apps.records.models import Record
from atalaya.apps.reference import actions, queries, raw
from atalaya.apps.reference.forms import LoadForm
from atalaya.apps.reference.models import ReferenceFile
from atalaya.core.errors import BadInput, NotAllowed
from atalaya.site.commands.reference import KINDS

__all__ = ["data", "owned", "take"]

PORT_HOST = "192.0.2.7"
NET = ipaddress.ip_network("192.0.2.0/24")
CITY = {"country": {"iso_code": "TT"}, "city": {"names": {"en": "Arima"}}, "location": {"latitude": 10.6, "longitude": -61.3}}  # fmt: skip
ASN = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Net"}
DELEGATED = "2|lacnic|20260301|1|1|1|0\nlacnic|TT|ipv4|192.0.2.0|256|20070212|allocated|x\n"
KEV = {
    "catalogVersion": "2026.03.01", "dateReleased": "2026-03-01T00:00:00Z",
    "vulnerabilities": [
        {
            "cveID": "CVE-2021-26855", "vendorProject": "Microsoft", "product": "Exchange Server",
            "vulnerabilityName": "ProxyLogon", "dueDate": "2021-04-16", "knownRansomwareCampaignUse": "Known",
        },
        {"cveID": "CVE-2023-29552", "vulnerabilityName": "SLP", "knownRansomwareCampaignUse": "Unknown"},
    ],
}  # fmt: skip


def load(content: bytes | str, kind: str, *, by: Any = None, name: str = "file") -> ReferenceFile:
    """Load and compile a file, as the job would."""
    body = content if isinstance(content, bytes) else content.encode()
    row = actions.load(io.BytesIO(body), by=by, kind=kind, name=name)
    done = actions.compile_file(row.pk)
    assert done is not None
    return done


@pytest.fixture
def filled(data: Path, db: None) -> None:
    load(written({NET: CITY}), "city", name="GeoLite2-City.mmdb")
    load(written({NET: ASN}), "asn")
    load(DELEGATED, "delegated")
    load("192.0.2.7,mail.port.example\n", "reverse")
    load(json.dumps(KEV), "kev")


def test_it_fills_new_events_and_says_so_on_their_page(owned: World, take: Take, filled: None) -> None:
    ingest = take(
        [line(PORT_HOST, **{"source.geolocation.cc": "TT"}), line("198.51.100.7", **{"source.asn": 1})]
    )
    event = one_event(owned.handler, ingest.sha256, 1)
    assert event is not None
    assert (event["source_geolocation_cc"], event["source_geolocation_city"]) == ("TT", "Arima")
    assert (event["source_asn"], event["source_as_name"], event["source_network"]) == (
        64500,
        "Example Net",
        "192.0.2.0/24",
    )
    assert (event["source_registry"], event["source_reverse_dns"]) == ("lacnic", "mail.port.example")
    assert (
        "source.geolocation.cc" not in event["filled"] and "source.geolocation.city=city" in event["filled"]
    )
    page = owned.client(owned.handler).get(reverse("events:event", args=[ingest.sha256, 1])).content.decode()
    assert (
        "Arima" in page
        and "filled by this node: cities (MMDB)" in page
        and "filled by this node: AS numbers (MMDB)" in page
    )
    other = one_event(owned.handler, ingest.sha256, 2)
    assert other is not None and other["filled"] is None and other["source_asn"] == 1


def test_it_gives_an_event_to_the_owner_of_a_filled_as_number(world: World, take: Take, filled: None) -> None:
    from atalaya.apps.registry.models import Network

    Network.objects.create(organisation=world.bank, kind="asn", value="AS64500")
    ingest = take([line(PORT_HOST)])
    event = one_event(world.handler, ingest.sha256, 1)
    assert event is not None and (event["owner"], event["owner_by"]) == (str(world.bank.pk), "AS64500")


def test_it_takes_the_same_event_for_the_same_whatever_was_loaded(owned: World, take: Take) -> None:
    take([line(PORT_HOST)])
    load(written({NET: CITY}), "city")
    again = take([line(PORT_HOST), line(PORT_HOST, days_ago=2)])
    assert (again.rows_kept, again.rows_doubled) == (1, 1)


def test_a_process_notices_a_new_file_and_one_that_is_gone(owned: World, take: Take) -> None:
    first = queries.references()
    row = load(DELEGATED, "delegated")
    assert queries.references() is not first and queries.references() is queries.references()
    other = load("2|arin|20260301|1|1|1|0\narin|TT|ipv4|198.51.100.0|256|20070212|allocated|x\n", "delegated")
    events = take([line(PORT_HOST), line("198.51.100.7")])
    told = [one_event(owned.handler, events.sha256, n) for n in (1, 2)]
    assert [one and one["source_registry"] for one in told] == ["lacnic", "arin"]
    for one in (row, other):
        actions.remove(one, by=owned.admin)
    assert queries.references().tables == {}


def test_it_replaces_a_file_of_the_same_kind_and_part_and_forgets_the_old_one(data: Path, db: None) -> None:
    old = load(DELEGATED, "delegated")
    new = load(DELEGATED.replace("|TT|", "|BB|"), "delegated")
    assert list(ReferenceFile.objects.values_list("pk", "status")) == [(new.pk, "ready")]
    assert not raw.path_of(old.sha256).exists() and raw.path_of(new.sha256).exists()
    assert [path.name for path in (data / "compiled").iterdir()] == [f"{new.sha256}-delegated"]
    again = load(DELEGATED.replace("|TT|", "|BB|"), "delegated")
    assert again.status == "ready" and queries.references().tables["delegated"].rows == 1


def test_it_keeps_the_old_file_in_use_when_the_new_one_is_broken(owned: World) -> None:
    load(DELEGATED, "delegated")
    broken = load(DELEGATED + "lacnic|TT\n", "delegated", by=owned.admin, name="new.txt")
    assert broken.status == "failed" and "Line 3 is not a row" in broken.message
    assert queries.references().tables["delegated"].rows == 1
    page = owned.client(owned.admin).get(reverse("reference:file", args=[broken.pk])).content.decode()
    assert "Line 3 is not a row" in page and "in use" not in page
    assert Record.objects.filter(verb="reference.file.failed", target_id=str(broken.pk)).exists()


@pytest.mark.parametrize("damage", ["compiled", "reference"])
def test_it_makes_a_table_again_or_goes_on_without_a_lost_file(
    owned: World, take: Take, data: Path, damage: str
) -> None:
    row = load(DELEGATED, "delegated")
    raw.forget(row.sha256, row.kind, file=damage == "reference")
    queries._references.clear()
    ingest = take([line(PORT_HOST)])
    event = one_event(owned.handler, ingest.sha256, 1)
    assert event is not None and event["source_registry"] == ("lacnic" if damage == "compiled" else None)


@pytest.mark.parametrize("content", [DELEGATED, "broken"])
def test_two_may_compile_one_file_at_once(
    data: Path, db: None, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    """The command line and a worker: whoever is second changes nothing."""
    row = actions.load(io.BytesIO(content.encode()), by=None, kind="delegated", name="x")
    read = raw.table

    def table(sha256: str, kind: str) -> Any:
        monkeypatch.setattr(raw, "table", read)
        first = actions.compile_file(row.pk)
        assert first is not None and first.status != "waiting"
        return read(sha256, kind)

    monkeypatch.setattr(raw, "table", table)
    second = actions.compile_file(row.pk)
    assert second is not None and second.status == ("ready" if content == DELEGATED else "failed")
    verb = "reference.file.used" if content == DELEGATED else "reference.file.failed"
    assert Record.objects.filter(verb=verb, target_id=str(row.pk)).count() == 1


def test_it_forgets_what_is_removed_while_it_waits(data: Path, db: None) -> None:
    row = actions.load(io.BytesIO(DELEGATED.encode()), by=None, kind="delegated", name="../x\x00y")
    assert row.name == "xy"
    assert Job.objects.filter(name="reference.compile").exists()
    actions.remove(row, by=None)
    assert actions.compile_file(row.pk) is None and not raw.path_of(row.sha256).exists()


def test_it_knows_no_other_kind_and_no_other_person(owned: World) -> None:
    with pytest.raises(BadInput, match="There is no kind x"):
        load("x", "x")
    row = load(DELEGATED, "delegated")
    for user in owned.people:
        if user != owned.admin:
            with pytest.raises(NotAllowed):
                load("x", "kev", by=user)
            with pytest.raises(NotAllowed):
                actions.remove(row, by=user)
            assert not queries.visible_to(user).exists()
    assert queries.visible_to(owned.admin).count() == 1 and not queries.visible_to(None).exists()


def test_only_who_manages_the_node_sees_the_pages(owned: World) -> None:
    row = load(DELEGATED, "delegated", name="quetzal.txt")
    pages = [reverse("reference:list"), reverse("reference:load"), reverse("reference:file", args=[row.pk])]
    for user in owned.people:
        for page in pages:
            answer = owned.client(user).get(page)
            assert answer.status_code == (200 if user == owned.admin else 403), (user, page)
        if user != owned.admin:
            assert owned.client(user).post(reverse("reference:remove", args=[row.pk])).status_code == 403
            assert owned.client(user).post(reverse("reference:load"), {}).status_code == 403
    assert owned.stranger.get(pages[0]).status_code == 302
    shown = owned.client(owned.admin).get(pages[0]).content.decode()
    assert "quetzal.txt" in shown and "lacnic" in shown


def test_it_loads_a_file_through_the_page(owned: World, django_capture_on_commit_callbacks: Any) -> None:
    client = owned.client(owned.admin)
    document = SimpleUploadedFile("delegated-lacnic", DELEGATED.encode())
    answer = client.post(reverse("reference:load"), {"kind": "delegated", "document": document})
    row = ReferenceFile.objects.get()
    assert answer.status_code == 302 and answer["Location"] == reverse("reference:file", args=[row.pk])
    assert row.loaded_by == owned.admin and row.status == "waiting"
    assert "being compiled" in client.get(answer["Location"]).content.decode()
    actions.compile_file(row.pk)
    page = client.get(answer["Location"]).content.decode()
    assert row.sha256 in page and "in use" in page and "lacnic" in page
    assert client.post(reverse("reference:remove", args=[row.pk])).status_code == 302
    assert (
        not ReferenceFile.objects.exists() and Record.objects.filter(verb="reference.file.removed").exists()
    )


def test_the_page_says_what_is_too_large(owned: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from atalaya.core import limits

    monkeypatch.setattr(limits, "REFERENCE_FILE_BYTES", 10)
    document = SimpleUploadedFile("x", b"x" * 11)
    answer = owned.client(owned.admin).post(reverse("reference:load"), {"kind": "kev", "document": document})
    assert answer.status_code == 200 and "larger than 10 bytes" in answer.content.decode()
    assert not ReferenceFile.objects.exists() and list(raw.folder().iterdir()) == []


def test_the_command_line_offers_every_kind() -> None:
    fields: Any = LoadForm().fields
    assert set(KINDS) == set(ReferenceFile.Kind.values) == {value for value, _ in fields["kind"].choices}


def atalaya(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    import os

    environment = {
        **os.environ,
        "ATALAYA_DATA": str(data),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *sys.path]),
    }
    command = [sys.executable, "-m", "atalaya.site.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_the_command_line_loads_lists_and_refuses(tmp_path: Path) -> None:
    """A node of its own, on a database of its own."""
    from django.core.management import call_command  # noqa: F401 - the node is prepared by its own process

    node, good, bad = tmp_path / "node", tmp_path / "delegated-lacnic", tmp_path / "bad"
    node.mkdir()
    good.write_text(DELEGATED)
    bad.write_text("nothing")
    assert atalaya(node, "reference", "list").returncode == 4, "no node was started here"
    prepared = subprocess.run(
        [sys.executable, "-c", "from atalaya.site.cli import start_django; start_django()\nfrom atalaya.site.prepare import migrate; migrate()"],
        env={**__import__("os").environ, "ATALAYA_DATA": str(node), "PYTHONPATH": ":".join([str(ROOT / "src"), *sys.path])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert prepared.returncode == 0, prepared.stderr
    loaded = atalaya(node, "reference", "load", str(good), "--kind", "delegated")
    assert loaded.returncode == 0 and "delegated lacnic" in loaded.stdout, loaded.stderr
    refused = atalaya(node, "reference", "load", str(bad), "--kind", "delegated")
    assert refused.returncode == 4 and "bad: Line 1 is not the version line" in refused.stderr
    assert atalaya(node, "reference", "load", str(tmp_path / "none"), "--kind", "kev").returncode == 4
    (told,) = json.loads(atalaya(node, "reference", "list", "--json").stdout)
    assert (told["kind"], told["part"], told["status"], told["rows"]) == ("delegated", "lacnic", "ready", 1)
    assert "1 reference files" in atalaya(node, "reference", "list").stdout
