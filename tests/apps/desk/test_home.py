"""The desk: every number is the number of rows behind its link, for everybody."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import date, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from tests.apps.events.rules.test_table import rule
from tests.apps.reference.test_reference import KEV, load
from tests.browser import sample
from tests.world import World

from atalaya.apps.desk import counts, queries
from atalaya.apps.desk.queries import Sight
from atalaya.apps.events.models import Finding, Ingest, Rule
from atalaya.apps.people.models import User
from atalaya.apps.registry.models import Membership


@pytest.fixture
def country(world: World, tmp_path: Path, settings: Any) -> World:
    """The world with a month of work in its first state, in a data folder of its own."""
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data=tmp_path)
    sample.build(world, findings=200)
    load(json.dumps(KEV), "kev")
    told = list(Finding.objects.filter(organisation=world.port).values_list("pk", flat=True)[:6])
    Finding.objects.filter(pk__in=told).update(cves="CVE-2021-26855,CVE-2020-0001", status="open")
    _break(rule(world, code="gone"))
    return world


def _break(row: Rule) -> None:
    """Let a rule name an organisation that is not there any more."""
    Rule.objects.filter(pk=row.pk).update(line='org:"Nobody at all"')


def page_of(world: World, user: User) -> str:
    answer = world.client(user).get("/", follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def rows_behind(client: Client, url: str) -> int:
    """How many rows the page of a link says that it has."""
    answer = client.get(url)
    assert answer.status_code == 200, url
    found = re.search(r'<div class="bar"><p[^>]*><strong>([\d,]+)</strong>', answer.content.decode())
    return int(found[1].replace(",", "")) if found else 0


def numbers(page: str) -> dict[str, int]:
    """Every number on the desk that is a link, by its address."""
    tiles = re.findall(r'<a class="tile[^"]*" href="([^"]+)"><span class="count">([\d,]+)</span>', page)
    quiet = re.findall(r'<a href="([^"]+)">[^<]+</a>: (\d+)', page)
    cells = re.findall(r'<td class="number"><a href="([^"]+)">([\d,]+)</a>', page)
    return {unescape(url): int(number.replace(",", "")) for url, number in [*tiles, *quiet, *cells]}


@pytest.mark.parametrize(
    "who",
    ["admin", "lead", "handler", "reader", "member", "other_member", "foreign_handler", "foreign_member"],
)
def test_it_shows_numbers_that_are_the_rows_behind_their_links(country: World, who: str) -> None:
    user = getattr(country, who)
    client = country.client(user)
    found = numbers(page_of(country, user))
    assert len(found) >= 3
    assert {url: rows_behind(client, url) for url in found} == found


def test_it_has_something_to_compare(country: World) -> None:
    found = numbers(page_of(country, country.admin))
    assert sum(1 for number in found.values() if number) >= 20
    assert any("unowned" in url for url in found) and any("/jobs/" in url for url in found)


def test_it_asks_a_stranger_to_sign_in(world: World) -> None:
    answer = world.stranger.get("/")
    assert answer.status_code == 302
    assert "/account/login/" in answer["Location"]


def test_it_shows_the_other_state_nothing_of_this_one(country: World) -> None:
    for user in (country.foreign_handler, country.foreign_member):
        page = page_of(country, user)
        assert "Port Authority" not in page and "scan_rdp" not in page and "Central Bank" not in page
        assert all(number == 0 for number in numbers(page).values())


def test_it_shows_a_member_their_own_organisation_alone(country: World) -> None:
    page = page_of(country, country.member)
    assert "Port Authority" in page
    assert "National Bank" not in page and "Central Bank" not in page
    assert "/events/files/" not in page and "/jobs/" not in page and "unowned" not in page


def test_it_offers_a_reader_nothing_to_do(country: World) -> None:
    page = page_of(country, country.reader)
    assert "/events/files/add/" not in page
    assert "/events/files/add/" in page_of(country, country.handler)


def test_it_says_so_to_somebody_who_belongs_nowhere(world: World) -> None:
    Membership.objects.filter(user=world.reader).delete()
    page = page_of(world, world.reader)
    assert "You are in no team and no organisation yet" in page
    assert numbers(page) == {}


def test_it_teaches_the_first_steps_on_a_new_node_and_is_calm_when_nothing_is_wrong(
    world: World, tmp_path: Path, settings: Any
) -> None:
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data=tmp_path)
    page = page_of(world, world.lead)
    assert "First steps of this node" in page
    assert "Nothing needs you right now." in page
    assert "First steps of this node" not in page_of(world, world.reader)


def test_it_stops_counting_rejects_that_somebody_has_seen(country: World) -> None:
    before = {need.url: need.count for need in queries.needs(Sight(country.lead))}
    url = next(url for url in before if "rejected=yes" in url)
    assert before[url] > 0
    Ingest.objects.update(rejects_seen_at=timezone.now())
    assert {need.url: need.count for need in queries.needs(Sight(country.lead))}[url] == 0


def test_it_counts_each_day_of_the_nodes_zone_once(country: World) -> None:
    for zone in ("America/Barbados", "America/St_Johns", "America/New_York", "UTC"):
        with timezone.override(zone):
            days = counts.shown_days(timezone.localdate())
            found = counts.daily(country.lead, days)
            since, until = days[0].isoformat(), days[-1].isoformat()
            asked = queries.count_events(Sight(country.lead), {"since": since, "until": until})
            assert sum(map(sum, found.values())) == asked
            day = days[-4].isoformat()
            one = queries.count_events(
                Sight(country.lead), {"since": day, "until": day, "type": "infected-system"}
            )
            assert found["infected-system"][-4] == one > 0


def test_it_puts_the_organisation_with_most_to_fix_first(country: World) -> None:
    places = queries.top_organisations(Sight(country.lead))
    assert len(places) == queries.TOP
    assert [place.findings for place in places] == sorted((place.findings for place in places), reverse=True)


def test_it_knows_an_organisation_by_more_than_its_name(country: World) -> None:
    from atalaya.apps.events.listing import FINDINGS
    from atalaya.apps.events.queries import findings_visible_to

    Finding.objects.filter(organisation__name="Central Bank").update(organisation=country.bank)
    place = next(
        place for place in queries.top_organisations(Sight(country.lead)) if place.name == "National Bank"
    )
    params = QueryDict(place.findings_url.partition("?")[2])
    assert FINDINGS.filtered(params, findings_visible_to(country.lead)).count() == place.findings


def test_it_asks_the_database_a_bounded_number_of_times(
    country: World, django_assert_max_num_queries: Any
) -> None:
    client = country.client(country.lead)
    client.get("/")
    with django_assert_max_num_queries(52):
        client.get("/")


def test_it_counts_nothing_for_a_question_that_is_not_one(country: World) -> None:
    assert queries.count_events(Sight(country.lead), {"severity": "terrible"}) == 0
    assert (
        queries.count_events(
            Sight(country.member), {"since": (timezone.localdate() - timedelta(days=400)).isoformat()}
        )
        >= 0
    )


def needed(user: User, part: str) -> queries.Need | None:
    return next((need for need in queries.needs(Sight(user)) if part in need.url), None)


def test_it_counts_open_findings_that_are_known_to_be_exploited(country: World) -> None:
    for user in (country.lead, country.reader):
        need = needed(user, "kev=yes")
        assert need is not None and need.count >= 6 and need.tone == "bad"
        page = page_of(country, user)
        assert "Findings with exploited weaknesses" in page and "status=now&amp;kev=yes" in page
    foreign = needed(country.foreign_handler, "kev=yes")
    assert foreign is not None and foreign.count == 0
    assert "kev=yes" not in page_of(country, country.member)
    Finding.objects.filter(cves__contains="CVE-2021-26855").update(status="solved")
    after = needed(country.lead, "kev=yes")
    assert after is not None and after.count < need.count


def test_it_says_nothing_of_exploited_weaknesses_without_a_catalogue(
    world: World, tmp_path: Path, settings: Any
) -> None:
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data=tmp_path)
    assert needed(world.lead, "kev=") is None


def test_it_counts_rules_that_should_work_and_do_not(country: World) -> None:
    for code, change in {"off": {"active": False}, "over": {"until": date(2020, 1, 1)}}.items():
        row = rule(country, code=code)
        _break(row)
        Rule.objects.filter(pk=row.pk).update(**change)
    rule(country, code="good")
    for user in (country.lead, country.reader):
        need = needed(user, "broken=yes")
        assert need is not None and need.count == 1
        shown = country.client(user).get(need.url).content.decode()
        assert "Gone" in shown and "does not work" in shown
        assert not re.search(r">(Off|Over|Good)<", shown)
    foreign = needed(country.foreign_handler, "broken=yes")
    assert foreign is not None and foreign.count == 0
    assert "Gone" not in country.client(country.foreign_handler).get(foreign.url).content.decode()
    assert country.client(country.member).get(foreign.url).status_code == 403


def test_it_shows_broken_rules_at_their_place_in_the_table(country: World) -> None:
    rule(country, code="before")
    Rule.objects.filter(code="before").update(position=0)
    shown = country.client(country.lead).get("/events/rules/?broken=yes").content.decode()
    assert (
        re.search(r'<td class="number"[^>]*>2</td>', shown)
        and 'value="up"' in shown
        and 'value="down"' not in shown
    )
    Rule.objects.filter(code="gone").update(active=False)
    empty = country.client(country.lead).get("/events/rules/?broken=yes").content.decode()
    assert "<strong>0</strong>" in empty and "Take the filters away" in empty and "No rule yet" not in empty
