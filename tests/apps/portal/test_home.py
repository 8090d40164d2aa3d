"""The owner's page: how exposed, what changed, what first; and who sees it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone
from tests.world import World

from atalaya.apps.events.marks import actions as marks
from atalaya.apps.events.models import Finding
from atalaya.apps.portal import exposure, queries
from atalaya.apps.registry.models import Membership, Organisation

DAYS = [date(2026, 5, 1) + timedelta(days=n) for n in range(10)]


def make(
    world: World, key: int, first: int, last: int, status: str = "open", severity: int = 4, **more: object
) -> Finding:
    """A finding first and last seen on these days of May 2026."""
    moments = [datetime(2026, 5, day, 12, tzinfo=UTC) for day in (first, last)]
    values = {
        "type": "vulnerable-system",
        "address": f"192.0.2.{key}",
        "feed": "x",
        "changed_at": moments[1],
    } | more
    return Finding.objects.create(
        key=key, state="TT", organisation=world.port, severity=severity, first_seen=moments[0],
        last_seen=moments[1], status=status, **values,
    )  # fmt: skip


def test_it_counts_what_was_open_on_each_day(world: World) -> None:
    make(world, 1, 3, 8)
    make(world, 2, 2, 4, "gone")
    make(world, 3, 1, 2, "solved", 5, changed_at=datetime(2026, 5, 6, 12, tzinfo=UTC))
    make(world, 4, 1, 9, "wrong")
    make(world, 5, 9, 9, "accepted", 2)
    counts = exposure.daily(Finding.objects.all(), DAYS)
    assert counts[4] == [0, 1, 2, 2, 1, 1, 1, 1, 1, 1]
    assert counts[5] == [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]
    assert counts[2] == [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]
    assert counts[3] == [0] * 10


def test_it_counts_days_of_the_nodes_zone(world: World) -> None:
    Finding.objects.create(
        key=9, state="TT", organisation=world.port, severity=4, type="x", address="a", feed="x",
        first_seen=datetime(2026, 5, 3, 2, tzinfo=UTC), last_seen=datetime(2026, 5, 3, 2, tzinfo=UTC),
        changed_at=datetime(2026, 5, 3, 2, tzinfo=UTC), status="gone",
    )  # fmt: skip
    with timezone.override("America/Barbados"):
        counts = exposure.daily(Finding.objects.all(), DAYS)
    assert counts[4][1:3] == [1, 0]


def test_it_puts_the_worst_and_then_the_oldest_first(world: World) -> None:
    make(world, 1, 5, 9, type="a", severity=4)
    make(world, 2, 2, 9, type="b", severity=4)
    make(world, 3, 8, 9, type="c", severity=5)
    make(world, 4, 1, 9, "gone", type="d", severity=5)
    assert [one.type for one in exposure.matters(Finding.objects.all())] == ["c", "b", "a"]


def test_it_tells_what_happened_in_a_month(world: World) -> None:
    make(world, 1, 3, 8)
    make(world, 2, 2, 4, "gone")
    make(world, 3, 1, 6, "back")
    make(world, 4, 1, 9, "wrong")
    changed = exposure.changed(Finding.objects.all(), queries.Sight(world.member).marks, DAYS[1], DAYS[-1])
    assert (changed.opened, changed.back, changed.gone, changed.solved, changed.again) == (2, 1, 1, 0, 0)


def test_it_is_the_home_of_members(owned: World, findings: list[Finding]) -> None:
    answer = owned.client(owned.member).get("/", follow=True)
    page = answer.content.decode()
    assert answer.redirect_chain == [("/portal/", 302)]
    assert "Our exposure" in page and "Port Authority" in page and "National Bank" not in page
    assert "Remote desktop" in page and "192.0.2.1" in page
    assert 'href="/"' in page and ">Desk<" not in page
    for user in (owned.handler, owned.lead, owned.reader):
        assert owned.client(user).get("/portal/")["Location"] == "/"


def test_it_says_so_when_nothing_is_open(world: World) -> None:
    page = world.client(world.member).get("/portal/").content.decode()
    assert "Nothing is open" in page


def test_it_shows_one_organisation_to_its_team_and_members(owned: World, findings: list[Finding]) -> None:
    address = f"/portal/of/{owned.port.pk}/"
    for who in ("handler", "reader", "member"):
        assert "192.0.2.1" in owned.client(getattr(owned, who)).get(address).content.decode()
    for who in ("other_member", "foreign_handler", "foreign_member"):
        assert owned.client(getattr(owned, who)).get(address).status_code == 404
    tabs = owned.client(owned.handler).get(f"/registry/organisations/{owned.port.pk}/").content.decode()
    assert address in tabs


def test_it_counts_the_parts_of_an_organisation(owned: World, findings: list[Finding]) -> None:
    part = Organisation.objects.create(state=owned.state, name="Harbour Pilots", parent=owned.port)
    Finding.objects.filter(pk=findings[0].pk).update(organisation=part)
    page = owned.client(owned.member).get("/portal/").content.decode()
    assert "Harbour Pilots" in page
    for sight in (queries.Sight(owned.member), queries.Sight(owned.handler, owned.port)):
        assert sum(tile.count for tile in queries.severities(sight)) == 3


def test_it_tells_members_what_the_team_answered(owned: World, findings: list[Finding]) -> None:
    given = marks.mark([findings[0].pk], by=owned.member, kind="wrong", reason="Not ours")[0]
    marks.answer(given, by=owned.handler, agree=False, words="It answers with your certificate")
    assert "It answers with your certificate" in owned.client(owned.member).get("/portal/").content.decode()
    assert "with your certificate" not in owned.client(owned.other_member).get("/portal/").content.decode()


@pytest.mark.parametrize(
    ("language", "words"), [("es", "exposición"), ("fr", "exposition"), ("pt-br", "exposição")]
)
def test_it_speaks_the_members_language(owned: World, language: str, words: str) -> None:
    client = owned.client(owned.member)
    client.cookies["django_language"] = language
    assert words in client.get("/portal/").content.decode().lower()


def test_it_leads_somebody_without_a_place_to_the_desk(world: World) -> None:
    Membership.objects.filter(user=world.member).delete()
    page = world.client(world.member).get("/portal/", follow=True).content.decode()
    assert "no organisation yet" in page
