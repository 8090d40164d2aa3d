"""Who sees which events, findings and files, and what the pages do."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from tests.apps.events.conftest import BANK_NET, Take, jsonl, line
from tests.world import World

from atalaya.apps.events import extras, pictures
from atalaya.apps.events.models import Finding, Ingest
from atalaya.core.store import Question

PORT_HOST, BANK_HOST, NOBODY, FOREIGN_HOST = "192.0.2.7", "198.51.100.9", "203.0.113.77", "203.0.113.5"


@pytest.fixture
def seen(owned: World, take: Take) -> World:
    """One event each of the port, the bank, of nobody, and of the other state; one refused row."""
    take(
        jsonl([line(PORT_HOST), line(BANK_HOST), line(NOBODY, extra={"x": "=cmd()"})]) + b"nonsense\n",
        name="first.jsonl",
    )
    take([line(FOREIGN_HOST)], name="foreign.jsonl", state="BB")
    return owned


def get(world: World, user: Any, url: str, **params: Any) -> Any:
    return world.client(user).get(url, params)


def text(response: Any) -> str:
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return bytes(body).decode()


def hosts(body: str) -> set[str]:
    return {host for host in (PORT_HOST, BANK_HOST, NOBODY, FOREIGN_HOST) if host in body}


EXPECTED = {
    "admin": {PORT_HOST, BANK_HOST, NOBODY},
    "lead": {PORT_HOST, BANK_HOST, NOBODY},
    "handler": {PORT_HOST, BANK_HOST, NOBODY},
    "reader": {PORT_HOST, BANK_HOST, NOBODY},
    "member": {PORT_HOST},
    "other_member": {BANK_HOST},
    "foreign_handler": {FOREIGN_HOST},
    "foreign_member": {FOREIGN_HOST},
}


@pytest.mark.parametrize("who", EXPECTED)
@pytest.mark.parametrize("format", ["", "csv", "intelmq"])
def test_it_shows_each_their_own_events_alone(seen: World, who: str, format: str) -> None:
    body = text(get(seen, getattr(seen, who), reverse("events:explorer"), format=format))
    assert hosts(body) == EXPECTED[who]
    if not format:
        count = len(EXPECTED[who])
        assert f"<strong>{count}</strong> event" in body


@pytest.mark.parametrize("who", EXPECTED)
def test_it_shows_each_their_own_findings_alone(seen: World, who: str) -> None:
    expected = EXPECTED[who] - {NOBODY}
    user = getattr(seen, who)
    assert hosts(text(get(seen, user, reverse("events:findings")))) == expected
    assert hosts(text(get(seen, user, reverse("events:findings"), format="csv"))) == expected
    for finding in Finding.objects.all():
        response = get(seen, user, reverse("events:finding", args=[finding.pk]))
        assert response.status_code == (200 if finding.address in expected else 404)


@pytest.mark.parametrize("who", EXPECTED)
def test_it_opens_each_their_own_events_alone(seen: World, who: str) -> None:
    first, foreign = Ingest.objects.get(state="TT"), Ingest.objects.get(state="BB")
    places = {PORT_HOST: (first, 1), BANK_HOST: (first, 2), NOBODY: (first, 3), FOREIGN_HOST: (foreign, 1)}
    for host, (file, row) in places.items():
        response = get(seen, getattr(seen, who), reverse("events:event", args=[file.sha256, row]))
        assert response.status_code == (200 if host in EXPECTED[who] else 404)


def pages() -> list[str]:
    file = Ingest.objects.get(state="TT")
    return [
        *(reverse(f"events:{name}") for name in ("explorer", "findings", "files", "feeds", "upload")),
        *(reverse(f"events:{name}", args=[file.pk]) for name in ("file", "original", "rejects")),
        reverse("events:event", args=[file.sha256, 1]),
        *(reverse("events:finding", args=[finding.pk]) for finding in Finding.objects.filter(state="TT")),
    ]


def test_it_sends_a_stranger_to_the_sign_in_page(seen: World) -> None:
    for url in pages():
        response = seen.stranger.get(url)
        assert response.status_code == 302 and "/account/" in response["Location"], url


@pytest.mark.parametrize("who", ["member", "other_member"])
def test_it_hides_files_and_feeds_from_members(seen: World, who: str) -> None:
    file = Ingest.objects.get(state="TT")
    client = seen.client(getattr(seen, who))
    for name in ("files", "feeds", "upload"):
        assert client.get(reverse(f"events:{name}")).status_code == 403
    for name in ("file", "original", "rejects"):
        assert client.get(reverse(f"events:{name}", args=[file.pk])).status_code == 404


def test_it_hides_files_from_the_other_state(seen: World) -> None:
    file = Ingest.objects.get(state="TT")
    client = seen.client(seen.foreign_handler)
    assert "first.jsonl" not in text(client.get(reverse("events:files")))
    for name in ("file", "original", "rejects"):
        assert client.get(reverse(f"events:{name}", args=[file.pk])).status_code == 404
    for name in ("rejects_seen", "try_again"):
        assert client.post(reverse(f"events:{name}", args=[file.pk])).status_code == 404


def test_it_lets_a_reader_look_and_not_touch(seen: World) -> None:
    file = Ingest.objects.get(state="TT")
    client = seen.client(seen.reader)
    assert client.get(reverse("events:file", args=[file.pk])).status_code == 200
    assert client.get(reverse("events:upload")).status_code == 403
    assert client.post(reverse("events:upload")).status_code == 403
    for name in ("rejects_seen", "try_again"):
        assert client.post(reverse(f"events:{name}", args=[file.pk])).status_code == 403
    file.refresh_from_db()
    assert file.rejects_seen_at is None


def test_it_does_not_tell_a_member_of_another_claim(owned: World, take: Take) -> None:
    from atalaya.apps.registry.models import Network

    Network.objects.create(organisation=owned.bank, kind="prefix", value="192.0.2.7/32")
    row = take([line(PORT_HOST)])
    page = text(get(owned, owned.member, reverse("events:event", args=[row.sha256, 1])))
    assert PORT_HOST in page and "National Bank" not in page and "192.0.2.7/32" not in page
    assert "National Bank" not in text(get(owned, owned.member, reverse("events:explorer")))
    assert "National Bank" not in text(get(owned, owned.member, reverse("events:explorer"), format="csv"))
    assert "National Bank" in text(get(owned, owned.handler, reverse("events:event", args=[row.sha256, 1])))


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"address": PORT_HOST}, {PORT_HOST}),
        ({"address": BANK_NET}, {BANK_HOST}),
        ({"unowned": "on"}, {NOBODY}),
        ({"type": "vulnerable-system"}, {PORT_HOST, BANK_HOST, NOBODY}),
        ({"type": "spam"}, set()),
        ({"feed": "intelmq-json"}, {PORT_HOST, BANK_HOST, NOBODY}),
        ({"port": "3389"}, {PORT_HOST, BANK_HOST, NOBODY}),
        ({"until": "2001-01-01"}, set()),
        ({"asn": "AS64500"}, set()),
        ({"domain": "example.org"}, set()),
        ({"severity": "high"}, {PORT_HOST, BANK_HOST, NOBODY}),
    ],
)
def test_it_answers_what_is_asked(seen: World, params: dict[str, str], found: set[str]) -> None:
    assert hosts(text(get(seen, seen.handler, reverse("events:explorer"), **params, format="csv"))) == found


def test_it_asks_by_organisation_within_what_one_sees(seen: World) -> None:
    url = reverse("events:explorer")
    assert hosts(text(get(seen, seen.handler, url, organisation=str(seen.bank.pk), format="csv"))) == {
        BANK_HOST
    }
    assert hosts(text(get(seen, seen.member, url, organisation=str(seen.bank.pk)))) == set()
    assert hosts(text(get(seen, seen.handler, url, organisation=str(seen.foreign_organisation.pk)))) == set()


@pytest.mark.parametrize(
    "params",
    [
        {"address": "nonsense"},
        {"asn": "ASX"},
        {"port": "99999"},
        {"since": "x"},
        {"type": "x"},
        {"finding": "9" * 30},
    ],
)
def test_it_says_what_in_a_question_needs_mending(seen: World, params: dict[str, str]) -> None:
    response = get(seen, seen.handler, reverse("events:explorer"), **params)
    assert response.status_code == 200
    assert "<tbody>" not in text(response) and "alert bad" in text(response)


@pytest.mark.parametrize(
    "asked", ["192.0.2.7", "192.0.2.0/28", "as 64501", "AS64501", "64501", "https://WWW.Example.org/x"]
)
def test_it_understands_what_is_typed_into_the_one_box(seen: World, take: Take, asked: str) -> None:
    take([line(PORT_HOST, **{"source.asn": 64501, "source.fqdn": "www.example.org"})])
    assert hosts(text(get(seen, seen.handler, reverse("events:explorer"), q=asked, format="csv"))) == {
        PORT_HOST
    }


def test_it_shows_an_event_with_owner_finding_and_original(seen: World) -> None:
    file = Ingest.objects.get(state="TT")
    extras.register(_notice)
    try:
        page = text(get(seen, seen.handler, reverse("events:event", args=[file.sha256, 1])))
    finally:
        extras._providers.remove(_notice)
    for part in ("Port Authority", "192.0.2.0/24", "open-rdp", "Original row", "A notice about 192.0.2.7"):
        assert part in page, part


def _notice(user: Any, finding: Finding) -> list[extras.Extra]:
    return [extras.Extra(f"A notice about {finding.address}", "/notices/1/")]


def test_it_exports_cells_that_no_spreadsheet_runs(owned: World, take: Take) -> None:
    take([line(PORT_HOST, **{"event_description.text": "=HYPERLINK(1)", "malware.name": "@x"})])
    body = text(get(owned, owned.handler, reverse("events:explorer"), format="csv"))
    row = next(csv.DictReader(io.StringIO(body)))
    assert row["event_description.text"] == "'=HYPERLINK(1)"
    assert row["malware.name"] == "'@x"
    assert row["source.ip"] == PORT_HOST and row["owner"] == "Port Authority"


def test_it_exports_what_intelmq_reads(seen: World) -> None:
    body = text(get(seen, seen.handler, reverse("events:explorer"), format="intelmq"))
    events = [json.loads(one) for one in body.splitlines()]
    unowned = next(event for event in events if event["source.ip"] == NOBODY)
    assert unowned["__type"] == "Event"
    assert unowned["extra"] == {"x": "=cmd()"}
    assert unowned["time.source"].endswith("+00:00")
    assert unowned["source.port"] == 3389
    assert not any(name.startswith("owner") for name in unowned)


def test_it_takes_in_uploaded_files_one_by_one(owned: World) -> None:
    client = owned.client(owned.handler)
    files = [
        SimpleUploadedFile("a.jsonl", jsonl([line(PORT_HOST)])),
        SimpleUploadedFile("b.jsonl", jsonl([line(BANK_HOST)])),
        SimpleUploadedFile("c.jsonl", jsonl([line(BANK_HOST)])),
    ]
    page = text(client.post(reverse("events:upload"), {"documents": files, "feed": ""}))
    assert page.count("taken in") == 2 and page.count("came before") == 1
    row = Ingest.objects.get(name="a.jsonl")
    assert (row.channel, row.received_by, row.state_id) == ("upload", owned.handler, "TT")


def test_it_goes_to_the_file_when_only_one_is_uploaded(owned: World) -> None:
    client = owned.client(owned.handler)
    response = client.post(
        reverse("events:upload"), {"documents": SimpleUploadedFile("a.jsonl", b"x"), "feed": "intelmq-json"}
    )
    assert response["Location"] == reverse("events:file", args=[Ingest.objects.get().pk])


def test_it_shows_counts_and_rejected_rows_of_a_file(seen: World) -> None:
    file = Ingest.objects.get(state="TT")
    client = seen.client(seen.handler)
    page = text(client.get(reverse("events:file", args=[file.pk])))
    assert "4 read = 3 kept + 0 doubled + 1 rejected" in page
    assert "The row is not a JSON object." in page and "nonsense" in page
    rows = list(csv.DictReader(io.StringIO(text(client.get(reverse("events:rejects", args=[file.pk]))))))
    assert rows[0]["row"] == "4" and rows[0]["raw"].startswith("nonsense")
    client.post(reverse("events:rejects_seen", args=[file.pk]))
    file.refresh_from_db()
    assert file.rejects_seen_at is not None


def test_it_hands_out_the_original_for_download_only(seen: World) -> None:
    file = Ingest.objects.get(state="TT")
    response = seen.client(seen.handler).get(reverse("events:original", args=[file.pk]))
    assert text(response).endswith("nonsense\n")
    assert response["Content-Disposition"].startswith("attachment")
    assert response["Content-Type"] == "application/octet-stream"


def test_it_processes_a_failed_file_again(owned: World, take: Take) -> None:
    file = take(b'{"x": 1}\n', name="what.bin")
    client = owned.client(owned.handler)
    assert "Process again" in text(client.get(reverse("events:file", args=[file.pk])))
    client.post(reverse("events:try_again", args=[file.pk]), {"feed": "intelmq-json"})
    file.refresh_from_db()
    assert (file.status, file.feed) == ("waiting", "intelmq-json")


def test_it_lists_the_feeds_with_their_last_file(seen: World) -> None:
    client = seen.client(seen.reader)
    page = text(client.get(reverse("events:feeds"), {"text": "intelmq", "used": "1"}))
    assert "intelmq-json" in page and f"{reverse('events:files')}?feed=intelmq-json" in page
    assert "shadowserver-scan-rdp" in text(client.get(reverse("events:feeds"), {"text": "scan-rdp"}))
    assert "No such feed" in text(client.get(reverse("events:feeds"), {"text": "zzzz"}))


def test_it_is_friendly_when_there_is_nothing(owned: World) -> None:
    assert "No events yet" in text(get(owned, owned.handler, reverse("events:explorer")))
    for name in ("findings", "files"):
        assert get(owned, owned.handler, reverse(f"events:{name}")).status_code == 200


def test_it_offers_a_team_the_feeds_that_bring_something_and_takes_every_other(seen: World) -> None:
    client = seen.client(seen.reader)
    page = text(client.get(reverse("events:explorer"), {"fields": "1"}))
    assert '<option value="intelmq-json">' in page and "shadowserver-scan-rdp" not in page
    asked = text(client.get(reverse("events:explorer"), {"feed": "shadowserver-scan-rdp", "fields": "1"}))
    assert '<option value="shadowserver-scan-rdp" selected>' in asked and "Nothing seen" in asked


@pytest.mark.parametrize(
    ("days", "until", "buckets"), [(30, None, 32), (10, 3, 9), (2, None, 60), (300, None, 60)]
)
def test_it_draws_a_bar_for_each_day_where_that_can_be_read(
    days: int, until: int | None, buckets: int
) -> None:
    now = timezone.now()
    end = now - timedelta(days=until) if until else None
    of = partial(Question, states=frozenset({"TT"}), organisations=None)
    assert pictures._buckets(of(since=now - timedelta(days=days), until=end)) == buckets
    assert pictures._buckets(of()) == pictures.DAYS_SHOWN
