"""Who sees the audit log, and how much of it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from tests.world import World

from atalaya.apps.records.actions import record

LIST = "/records/"


@pytest.fixture
def log(world: World) -> World:
    record(
        "registry.organisation.changed", by=world.lead, target=world.port, detail={"name": ["Old <b>", "New"]}
    )
    record("registry.organisation.changed", by=world.foreign_handler, target=world.foreign_organisation)
    record("tests.node.changed", by=None)
    return world


def text_of(client: Client) -> str:
    """The list as a person reads it: names may be broken at their dots."""
    return client.get(LIST).content.decode().replace("<wbr>", "")


def test_it_sends_a_stranger_to_the_sign_in_page(log: World) -> None:
    for url in (LIST, reverse("records:record", args=[1])):
        answer = log.stranger.get(url)
        assert answer.status_code == 302
        assert "login" in answer.headers["Location"]


@pytest.mark.parametrize(
    "who", ["handler", "reader", "member", "other_member", "foreign_handler", "foreign_member"]
)
def test_it_refuses_who_has_not_the_right(log: World, who: str) -> None:
    client = log.client(getattr(log, who))
    assert client.get(LIST).status_code == 403
    assert client.get(LIST, {"format": "csv"}).status_code == 403
    assert client.get(reverse("records:record", args=[1])).status_code == 403


def test_it_shows_a_lead_the_entries_of_the_own_state_alone(log: World) -> None:
    client = log.client(log.lead)
    page = text_of(client)
    assert "Lead &lt;lead@example.org&gt;" in page
    assert "foreign.handler" not in page
    assert "tests.node.changed" not in page.split('id="list-records"')[1]
    rows = client.get(LIST, {"format": "csv"}).getvalue().decode().splitlines()  # type: ignore[attr-defined]
    assert len(rows) == 2
    assert client.get(reverse("records:record", args=[1])).status_code == 200
    assert client.get(reverse("records:record", args=[2])).status_code == 404
    assert client.get(reverse("records:record", args=[3])).status_code == 404


def test_it_offers_a_lead_no_verb_of_other_states(log: World) -> None:
    record("tests.secret.happened", by=None, state="BB")
    assert "tests.secret.happened" not in text_of(log.client(log.lead))


def test_it_shows_an_administrator_the_nodes_own_entries_as_well(log: World) -> None:
    client = log.client(log.admin)
    assert "tests.node.changed" in text_of(client)
    assert client.get(reverse("records:record", args=[3])).status_code == 200
    assert client.get(reverse("records:record", args=[2])).status_code == 404


def test_it_shows_details_as_text(log: World) -> None:
    page = log.client(log.lead).get(reverse("records:record", args=[1])).content.decode()
    assert "Old &lt;b&gt;" in page
    assert "Old <b>" not in page


@pytest.mark.parametrize(
    "query, rows",
    [
        ({"q": "lead@"}, 1),
        ({"q": "nobody"}, 0),
        ({"verb": "registry.organisation.changed"}, 1),
        ({"since": "2999-01-01"}, 0),
    ],
)
def test_it_filters(log: World, query: dict[str, str], rows: int) -> None:
    answer = log.client(log.lead).get(LIST, {**query, "format": "csv"})
    assert len(answer.getvalue().decode().splitlines()) == rows + 1  # type: ignore[attr-defined]
