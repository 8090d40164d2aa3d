"""The explorer's line: what it answers, offers, compares, tells and hands out, and to whom."""

from __future__ import annotations

import io
import json
import re
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from django.urls import reverse
from django.utils.html import escape
from tests.apps.events.conftest import Take, line
from tests.apps.events.test_views import (
    BANK_HOST,
    EXPECTED,
    FOREIGN_HOST,
    NOBODY,
    PORT_HOST,
    get,
    hosts,
    seen,
    text,
)
from tests.world import World

from atalaya.apps.events import words
from atalaya.apps.events.asking_help import EXAMPLES
from atalaya.apps.events.suggestions import suggestions
from atalaya.apps.people import actions as people
from atalaya.core.store.ask import problem
from atalaya.core.store.ask.fields import FIELDS

__all__ = ["seen"]
EXPLORER = "events:explorer"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ('org:"Port Authority"', {PORT_HOST}),
        ("org:none", {NOBODY}),
        ("org:authority or ip:203.0.113.0/24", {PORT_HOST, NOBODY}),
        ("sector:finance", {BANK_HOST}),
        ("critical:yes", {PORT_HOST}),
        ("authority", {PORT_HOST}),
        ("severity:>=high -org:none", {PORT_HOST, BANK_HOST}),
        ("since:ever until:2001-01-01", set()),
    ],
)
def test_it_answers_the_line(seen: World, asked: str, found: set[str]) -> None:
    assert hosts(text(get(seen, seen.handler, reverse(EXPLORER), q=asked, format="csv"))) == found


def test_it_asks_what_the_form_and_the_line_say_together(seen: World) -> None:
    url, asked = reverse(EXPLORER), {"q": "port:3389", "address": PORT_HOST, "fields": "1"}
    page = text(get(seen, seen.handler, url, **asked))
    assert f'value="ip:{PORT_HOST} port:3389 since:30d"' in page
    assert f'name="address" value="{PORT_HOST}"' in page
    assert hosts(text(get(seen, seen.handler, url, **asked, format="csv"))) == {PORT_HOST}


def test_it_opens_the_form_only_when_asked_and_alone_for_htmx(seen: World) -> None:
    client, url = seen.client(seen.handler), reverse(EXPLORER)
    closed = text(client.get(url, {"q": "port:3389"}))
    assert 'name="address"' not in closed and "fields=1" in closed
    opened = text(client.get(url, {"q": "port:3389", "fields": "1"}))
    assert 'name="port" value="3389"' in opened and "<html" in opened
    part = client.get(url, {"q": "port:3389", "fields": "1"}, headers={"HX-Target": "p#by-fields"})
    assert 'name="port" value="3389"' in text(part) and "<html" not in text(part)
    assert "HX-Target" in part["Vary"]
    wrong = text(client.get(url, {"address": "nowhere"}))
    assert 'name="address"' in wrong, "a field with a mistake is shown with it"


def test_it_explains_how_to_ask_with_lines_that_can_be_asked(seen: World) -> None:
    for user in (seen.handler, seen.reader, seen.member, seen.foreign_handler):
        page = text(get(seen, user, reverse("events:how")))
        for line_of in EXAMPLES:
            assert escape(line_of[0]) in page
    for field in FIELDS:
        assert f"<code>{field.name}:</code>" in page
    for line_of in EXAMPLES:
        answer = text(get(seen, seen.handler, reverse(EXPLORER), q=line_of[0]))
        assert "<mark>" not in answer or "There is no organisation" in answer, line_of


def test_it_shows_where_a_line_is_wrong_and_what_was_meant(seen: World) -> None:
    page = text(get(seen, seen.handler, reverse(EXPLORER), q="clas:scanner port:1"))
    assert "<mark>clas</mark>" in page and "?q=class%3Ascanner+port%3A1" in page and "<tbody>" not in page
    near = text(get(seen, seen.handler, reverse(EXPLORER), q="class:scaner"))
    assert "<mark>scaner</mark>" in near and "class%3Ascanner" in near


def test_it_names_no_organisation_that_one_may_not_see(seen: World) -> None:
    page = text(get(seen, seen.member, reverse(EXPLORER), q="org:national"))
    assert "There is no organisation national." in page and "National Bank" not in page
    same = text(get(seen, seen.member, reverse(EXPLORER), q="org:nothings"))
    assert "There is no organisation nothings." in same


@pytest.mark.parametrize("who", EXPECTED)
def test_it_counts_facets_and_compares_only_what_one_sees(seen: World, who: str) -> None:
    user = getattr(seen, who)
    for name in (EXPLORER, "events:compare"):
        body = text(get(seen, user, reverse(name), q="since:30d"))
        for organisation, host in (
            ("Port Authority", PORT_HOST),
            ("National Bank", BANK_HOST),
            ("Power Company", FOREIGN_HOST),
        ):
            if host not in EXPECTED[who]:
                assert organisation not in body and host not in body, name


def test_it_makes_facets_into_links_that_narrow_and_leave_out(seen: World, take: Take) -> None:
    take([line(PORT_HOST, port=22, **{"malware.name": "mirai"})])
    page = text(get(seen, seen.handler, reverse(EXPLORER)))
    narrowing = re.search(
        r'<a href="([^"]*)" title="22">22</a> <span class="count">1</span> <a class="out" href="([^"]*)"',
        page,
    )
    assert narrowing is not None
    client = seen.client(seen.handler)
    only, others = (text(client.get(url.replace("&amp;", "&") + "&format=csv")) for url in narrowing.groups())
    assert only.count("\n") == 2 and others.count("\n") == 4


def test_it_compares_two_periods(owned: World, take: Take) -> None:
    take([line(PORT_HOST), line(BANK_HOST, days_ago=10, port=22)])
    page = text(get(owned, owned.handler, reverse("events:compare"), q="since:5d"))
    new, gone = page.index(">192.0.2.7<"), page.index(">198.51.100.9<")
    assert ">new<" in page[new : new + 300] and ">gone<" in page[gone : gone + 300]
    chosen = text(get(owned, owned.handler, reverse("events:compare"), **{"q": "since:5d", "with": "x"}))
    assert (
        "not a day" in chosen
        and get(owned, owned.handler, reverse("events:compare"), q="since:ever").status_code == 200
    )


def test_it_suggests_fields_and_values_one_may_see(seen: World) -> None:
    def lines(user: Any, typed: str) -> list[str]:
        return [one.line for one in suggestions(user, typed)]

    assert lines(seen.handler, "po") == ["port:"]
    assert lines(seen.handler, "port:1 -cla") == ["port:1 -class:"]
    assert lines(seen.handler, "class:c2")[0] == "class:c2-server"
    assert lines(seen.handler, "x class:spam,c2")[0] == "x class:spam,c2-server"
    assert lines(seen.handler, "org:port") == ['org:"Port Authority"']
    assert lines(seen.handler, 'org:"por') == ['org:"Port Authority"']
    assert lines(seen.other_member, "org:port") == [] and lines(seen.foreign_handler, "org:port") == []
    assert lines(seen.handler, "identifier:op") == ["identifier:open-rdp"]
    assert lines(seen.member, "feed:intel") == [] and lines(seen.handler, "feed:intel") == [
        "feed:intelmq-json"
    ]
    body = text(get(seen, seen.handler, reverse("events:suggest"), q="org:port"))
    assert 'value="org:&quot;Port Authority&quot;"' in body


@pytest.mark.parametrize("who", EXPECTED)
def test_it_tells_the_story_of_what_one_sees(seen: World, who: str) -> None:
    for host in (PORT_HOST, BANK_HOST, NOBODY, FOREIGN_HOST):
        page = text(get(seen, getattr(seen, who), reverse("events:story"), of=host))
        assert ("Nothing seen" in page) == (host not in EXPECTED[who])


def test_it_tells_owner_finding_and_sightings(owned: World, take: Take) -> None:
    take([line(PORT_HOST), line(PORT_HOST, days_ago=3), line(PORT_HOST, days_ago=400, port=22)])
    page = text(get(owned, owned.handler, reverse("events:story"), of=PORT_HOST))
    for part in ("Port Authority", "192.0.2.0/24", "open-rdp:3389", "open-rdp:22", "Owner through time"):
        assert part in page, part
    assert "problem" not in get(owned, owned.handler, reverse("events:story"), of="x y(").context
    assert get(owned, owned.handler, reverse("events:story")).status_code == 200


def test_it_writes_parquet_that_others_read(seen: World) -> None:
    response = get(seen, seen.handler, reverse(EXPLORER), format="parquet")
    table = pl.read_parquet(io.BytesIO(b"".join(response.streaming_content)))
    assert set(table["source_ip"]) == {PORT_HOST, BANK_HOST, NOBODY}
    assert set(table["owner"]) == {"Port Authority", "National Bank", None}
    assert table.schema["time_source"] == pl.Datetime("us", "UTC")
    empty = get(seen, seen.handler, reverse(EXPLORER), format="parquet", q="port:1")
    assert pl.read_parquet(io.BytesIO(b"".join(empty.streaming_content))).height == 0


def test_it_writes_the_same_stix_twice(seen: World, take: Take) -> None:
    take(
        [
            line(
                PORT_HOST,
                **{"classification.type": "c2-server", "source.fqdn": "x.example", "source.asn": 64500},
            )
        ]
    )
    first, second = (text(get(seen, seen.handler, reverse(EXPLORER), format="stix")) for _ in range(2))
    assert first == second
    objects = json.loads(first)["objects"]
    kinds = [one["type"] for one in objects]
    assert kinds.count("observed-data") == 4 and kinds.count("indicator") == kinds.count("sighting") == 1
    assert {one["name"] for one in objects if one["type"] == "marking-definition"} == {"TLP:AMBER"}
    _valid(objects)


REQUIRED = {
    "observed-data": {"created", "modified", "first_observed", "last_observed", "number_observed", "object_refs"},
    "indicator": {"created", "modified", "pattern", "pattern_type", "valid_from"},
    "sighting": {"created", "modified", "sighting_of_ref"},
    "identity": {"created", "modified", "name"},
    "marking-definition": {"created", "extensions"},
    "network-traffic": {"protocols", "dst_ref"},
    "ipv4-addr": {"value"}, "ipv6-addr": {"value"}, "domain-name": {"value"}, "url": {"value"},
    "autonomous-system": {"number"},
}  # fmt: skip
"""The properties that STIX 2.1 requires of each object that we write."""


def _valid(objects: list[dict[str, Any]]) -> None:
    known = {one["id"] for one in objects}
    assert len(known) == len(objects)
    for one in objects:
        kind, _, key = one["id"].partition("--")
        assert kind == one["type"] and one["spec_version"] == "2.1" and UUID(key)
        assert REQUIRED[kind] <= one.keys(), one
        for name, value in one.items():
            if name.endswith("_ref"):
                assert value in known
            if name.endswith("_refs"):
                assert value and set(value) <= known
            if name in ("created", "modified", "first_seen", "valid_from", "first_observed"):
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value)


@pytest.mark.parametrize("format", ["csv", "intelmq", "parquet", "stix"])
def test_it_lets_nothing_out_that_its_marking_forbids(owned: World, take: Take, format: str) -> None:
    take(
        [
            line(PORT_HOST, tlp="TLP:RED"),
            line("192.0.2.8", tlp="amber+strict"),
            line("192.0.2.9", tlp="green"),
        ]
    )

    def out(user: Any) -> str:
        response = get(owned, user, reverse(EXPLORER), format=format)
        body = b"".join(response.streaming_content)
        return (
            str(pl.read_parquet(io.BytesIO(body))["source_ip"].to_list())
            if format == "parquet"
            else body.decode()
        )

    team, member = out(owned.handler), out(owned.member)
    assert PORT_HOST not in team and "192.0.2.8" in team and "192.0.2.9" in team
    assert PORT_HOST not in member and "192.0.2.8" not in member and "192.0.2.9" in member


def test_it_refuses_more_than_a_bundle_holds(seen: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from atalaya.apps.events import downloads

    small = dataclasses.replace(downloads.FORMATS["stix"], most=2)
    monkeypatch.setitem(downloads.FORMATS, "stix", small)
    response = seen.client(seen.handler).get(reverse(EXPLORER), {"format": "stix"}, follow=True)
    assert "at most 2 fit" in text(response)


def test_it_takes_the_line_in_the_api(seen: World) -> None:
    _, secret = people.create_token(seen.handler, by=seen.handler, name="x", scopes=["events:read"])
    head = {"Authorization": f"Bearer {secret}"}
    answer = seen.stranger.get("/api/v1/events", {"q": "org:none"}, headers=head).json()
    assert [one["source.ip"] for one in answer["results"]] == [NOBODY]
    wrong = seen.stranger.get("/api/v1/events", {"q": "clas:x"}, headers=head)
    assert wrong.status_code == 422 and "There is no field clas." in wrong.content.decode()


def test_it_has_words_for_every_problem() -> None:
    assert words.PROBLEMS == problem.TEMPLATES
