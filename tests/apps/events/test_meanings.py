"""Vulnerabilities, those known to be exploited, techniques and sectors: asked for, shown, counted, and for whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse
from tests.apps.events.conftest import Take, line
from tests.apps.events.test_views import BANK_HOST, NOBODY, PORT_HOST, get, hosts, text
from tests.apps.reference.test_reference import KEV, load
from tests.world import World

from atalaya.apps.events.classes import CLASSES
from atalaya.apps.events.models import Finding
from atalaya.apps.events.suggestions import suggestions
from atalaya.apps.events.weaknesses import SENTENCES
from atalaya.apps.reference.models import ReferenceFile
from atalaya.core.enrich import attack
from atalaya.core.enrich.vulnerabilities import CVE, cves_of, services

EXPLORER = "events:explorer"


@pytest.fixture
def seen(owned: World, take: Take) -> World:
    """The port runs a weak Exchange, the bank tries passwords, nobody's machine answers SLP."""
    take(
        [
            line(PORT_HOST, **{"product.vulnerabilities": "CVE-2021-26855,CVE-2020-0001"}),
            line(
                BANK_HOST,
                **{"classification.type": "brute-force", "classification.taxonomy": "intrusion-attempts"},
            ),
            line(NOBODY, **{"classification.identifier": "open-slp"}),
        ]
    )
    return owned


@pytest.fixture
def exploited(seen: World) -> World:
    load(json.dumps(KEV), "kev")
    return seen


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("cve:CVE-2021-26855", {PORT_HOST}),
        ("cve:cve-2020-0001", {PORT_HOST}),
        ("cve:CVE-2020-000", set()),
        ("cve:CVE-2023-29552", {NOBODY}),
        ("cve:CVE-2023-29552,CVE-2021-26855", {NOBODY, PORT_HOST}),
        ("cve:none", {BANK_HOST, NOBODY}),
        ("kev:yes", {PORT_HOST, NOBODY}),
        ("kev:no", {BANK_HOST}),
        ("-kev:yes", {BANK_HOST}),
        ("kev:yes sector:transport", {PORT_HOST}),
        ("attack:T1110", {BANK_HOST}),
        ("attack:t1110,T1190", {BANK_HOST, PORT_HOST, NOBODY}),
        ("attack:TA0006", {BANK_HOST}),
        ('technique:"Brute Force"', {BANK_HOST}),
        ("-attack:T1110", {PORT_HOST, NOBODY}),
    ],
)
def test_it_answers_the_line(exploited: World, asked: str, found: set[str]) -> None:
    assert hosts(text(get(exploited, exploited.handler, reverse(EXPLORER), q=asked, format="csv"))) == found


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        ("kev:maybe", "maybe is not a value of kev."),
        ("kev:none", "none is not a value of kev."),
        ("attack:T9999", "T9999 is not a value of attack."),
        ("attack:none", "none is not a value of attack."),
        ("attack:T111", "attack%3AT1110"),
    ],
)
def test_it_says_what_it_does_not_know(exploited: World, asked: str, what: str) -> None:
    assert what in text(get(exploited, exploited.handler, reverse(EXPLORER), q=asked))


def test_it_says_that_no_catalogue_is_loaded(seen: World) -> None:
    page = text(get(seen, seen.handler, reverse(EXPLORER), q="kev:yes"))
    assert "No catalogue of known exploited vulnerabilities is loaded." in page


def test_a_member_asks_within_their_own(exploited: World) -> None:
    csv = text(get(exploited, exploited.member, reverse(EXPLORER), q="kev:yes or attack:T1110", format="csv"))
    assert hosts(csv) == {PORT_HOST}


def test_it_shows_what_an_event_and_a_finding_mean(exploited: World) -> None:
    finding = Finding.objects.get(address=PORT_HOST)
    assert finding.cves == "CVE-2021-26855,CVE-2020-0001"
    for user in (exploited.handler, exploited.reader, exploited.member):
        page = text(exploited.client(user).get(reverse("events:finding", args=[finding.pk])))
        assert "known exploited" in page and "used by ransomware" in page and "ProxyLogon" in page
        assert page.index("CVE-2021-26855") < page.index("CVE-2020-0001") and "2021-04-16" in page
        assert "T1190" in page and "The service can be used as a way in." in page
    for user in (exploited.other_member, exploited.foreign_handler):
        assert exploited.client(user).get(reverse("events:finding", args=[finding.pk])).status_code == 404
    ours = get(exploited, exploited.handler, reverse(EXPLORER), q="attack:T1110")
    event = text(ours).split("/events/of/")[1].split('"')[0]
    page = text(exploited.client(exploited.handler).get(f"/events/of/{event}"))
    assert (
        "Passwords are tried one after the other." in page
        and "Brute Force" in page
        and "known exploited" not in page
    )
    assert exploited.client(exploited.member).get(f"/events/of/{event}").status_code == 404


def test_it_lists_findings_by_what_is_exploited(exploited: World) -> None:
    url = reverse("events:findings")
    page = text(get(exploited, exploited.handler, url, kev="yes"))
    assert PORT_HOST in page and BANK_HOST not in page and "exploited" in page
    others = text(get(exploited, exploited.handler, url, kev="no"))
    assert PORT_HOST not in others and BANK_HOST in others
    mine = text(get(exploited, exploited.other_member, url, kev="yes"))
    assert PORT_HOST not in mine
    ReferenceFile.objects.all().delete()
    assert "Known exploited</th>" not in text(get(exploited, exploited.handler, url))


def test_an_owner_sees_it_beside_their_machine(exploited: World) -> None:
    assert "known exploited" in text(exploited.client(exploited.member).get(reverse("portal:home")))
    assert "known exploited" not in text(exploited.client(exploited.other_member).get(reverse("portal:home")))


def facets(page: str) -> str:
    return page.partition('id="facets"')[2] or page


def test_it_counts_sectors_of_owners_that_one_may_see(seen: World) -> None:
    page = text(get(seen, seen.handler, reverse(EXPLORER)))
    assert "sector%3Atransport" in page and "sector%3Afinance" in page and "critical%3Ayes" in page
    for user in (seen.member, seen.other_member, seen.foreign_handler):
        theirs = text(get(seen, user, reverse(EXPLORER)))
        assert "sector%3A" not in theirs and "critical%3A" not in theirs


def test_a_member_learns_no_sector_of_others(seen: World, take: Take) -> None:
    """The bank has a claim on the port's machine as well: it may see the event, and not whose it is first."""
    from atalaya.apps.registry.models import Network

    Network.objects.create(organisation=seen.bank, kind="prefix", value="192.0.0.0/16")
    take([line(PORT_HOST, port=1)])
    url, bank = reverse(EXPLORER), seen.other_member
    assert PORT_HOST in hosts(text(get(seen, bank, url, format="csv")))
    for asked in ("sector:transport", "critical:yes", "sector:energy"):
        assert hosts(text(get(seen, bank, url, q=asked, format="csv"))) == set()
    everything = hosts(text(get(seen, bank, url, q="-sector:transport", format="csv")))
    assert everything == hosts(text(get(seen, bank, url, q="-sector:energy", format="csv")))


@pytest.mark.parametrize(
    ("line_", "offered"),
    [
        ("attack:bru", "attack:T1110"),
        ("attack:T149", "attack:T1498.002"),
        ("kev:", "kev:yes"),
        ("critical:", "critical:yes"),
        ("sector:ener", "sector:energy"),
        ("ke", "kev:"),
    ],
)
def test_it_completes_the_line(seen: World, line_: str, offered: str) -> None:
    assert offered in [one.line for one in suggestions(seen.member, line_)]


def sentences() -> Iterator[str]:
    yield from (service.fact for service in services().values())
    yield from (one.reason for rows in attack.table().values() for one in rows)


def test_every_sentence_of_the_tables_can_be_translated() -> None:
    assert set(SENTENCES) == set(sentences()) and len(SENTENCES) == len(set(SENTENCES))


def test_the_tables_speak_of_what_there_is() -> None:
    assert set(attack.table()) <= set(CLASSES)
    used = {id_ for rows in attack.table().values() for one in rows for id_ in (one.id, one.tactic_id)}
    assert used <= set(attack.known())
    for service in services().values():
        assert all(CVE.fullmatch(cve) for cve in service.cves) and service.source.startswith("https://")


@pytest.mark.parametrize(
    ("texts", "identifier", "found"),
    [
        (["CVE-2021-26855;cve-2021-26855"], "open-rdp", ["CVE-2021-26855"]),
        ([None, ""], None, []),
        ([], "cve-2023-20198-implant", ["CVE-2023-20198"]),
        (["CVE-2020-0001"], "ssl-poodle", ["CVE-2020-0001", "CVE-2014-3566"]),
    ],
)
def test_it_finds_the_vulnerabilities_that_an_event_names(
    texts: Any, identifier: str | None, found: list[str]
) -> None:
    assert cves_of(texts, identifier) == found
