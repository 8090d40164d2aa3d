"""Owners propose, the team decides, the registry changes."""

from __future__ import annotations

import pytest
from tests.world import World

from atalaya.apps.portal import actions
from atalaya.apps.portal.models import Proposal
from atalaya.apps.portal.rows import differences
from atalaya.apps.records.models import Record
from atalaya.apps.registry.cleaning import Refused
from atalaya.apps.registry.models import Contact, Network
from atalaya.core.errors import BadInput, NotAllowed


@pytest.fixture
def network(world: World) -> Network:
    return Network.objects.create(organisation=world.port, kind="prefix", value="192.0.2.0/24")


def ask(world: World, row: Network | Contact | None = None, **after: str) -> Proposal:
    kind = "contact" if isinstance(row, Contact) or "email" in after else "network"
    return actions.propose(
        world.port, by=world.member, kind=kind, row=row, after=after, why="We got a new block"
    )


def test_it_adds_a_network_when_the_team_accepts(world: World) -> None:
    asked = ask(world, value="198.51.100.0/25")
    assert not Network.objects.exists()
    actions.accept(asked, by=world.handler, words="Welcome")
    made = Network.objects.get()
    assert (made.value, made.kind, made.organisation) == ("198.51.100.0/25", "prefix", world.port)
    asked.refresh_from_db()
    assert (asked.status, asked.answer, asked.answered_by) == ("accepted", "Welcome", world.handler)
    assert [r.verb for r in Record.objects.order_by("seq")] == [
        "portal.proposal.made", "registry.network.added", "portal.proposal.accepted",
    ]  # fmt: skip


def test_it_changes_and_removes_a_network(world: World, network: Network) -> None:
    asked = ask(world, network, value="192.0.2.0/24", valid_to="2027-01-31")
    assert differences(asked) == [("valid_to", "", "2027-01-31")]
    actions.accept(asked, by=world.lead)
    network.refresh_from_db()
    assert str(network.valid_to) == "2027-01-31"
    actions.accept(ask(world, network), by=world.lead)
    assert not Network.objects.exists()


def test_it_adds_a_contact(world: World) -> None:
    values = {
        "name": "Ann",
        "email": "ann@port.example",
        "role": "security",
        "priority": "1",
        "active": "yes",
    }
    actions.accept(ask(world, **values), by=world.handler)
    made = Contact.objects.get()
    assert (made.email, made.active, made.organisation) == ("ann@port.example", True, world.port)


def test_it_applies_nothing_to_a_row_that_changed_since(world: World, network: Network) -> None:
    asked = ask(world, network, value="192.0.2.0/25")
    Network.objects.update(value="192.0.2.128/25")
    with pytest.raises(BadInput, match="changed since"):
        actions.accept(asked, by=world.handler)
    asked.refresh_from_db()
    assert asked.status == "waiting"
    Network.objects.all().delete()
    with pytest.raises(BadInput, match="not there"):
        actions.accept(asked, by=world.handler)


def test_it_refuses_with_a_word_and_answers_once(world: World) -> None:
    asked = ask(world, value="198.51.100.0/25")
    with pytest.raises(BadInput):
        actions.refuse(asked, by=world.handler, words=" ")
    actions.refuse(asked, by=world.handler, words="This is the bank's.")
    for act in (actions.accept, actions.refuse):
        with pytest.raises(BadInput, match="already"):
            act(asked, by=world.handler, words="again")
    assert not Network.objects.exists()


def test_it_says_at_once_what_cannot_be(world: World, network: Network) -> None:
    with pytest.raises(Refused, match="not a domain"):
        ask(world, value="not a network!")
    with pytest.raises(Refused, match="already"):
        ask(world, value="192.0.2.0/24")
    with pytest.raises(BadInput, match="Nothing"):
        ask(world, network, value="192.0.2.0/24")
    with pytest.raises(Refused):
        ask(world, value="198.51.100.0/25", valid_from="soon")


@pytest.mark.parametrize("who", ["reader", "other_member", "foreign_member", "foreign_handler"])
def test_it_takes_no_proposal_of_others(world: World, who: str) -> None:
    with pytest.raises(NotAllowed):
        actions.propose(
            world.port, by=getattr(world, who), kind="network", row=None, after={"value": "AS64500"}
        )


@pytest.mark.parametrize("who", ["reader", "member", "other_member", "foreign_member", "foreign_handler"])
def test_it_lets_nobody_but_the_team_decide(world: World, who: str) -> None:
    asked = ask(world, value="AS64500")
    for act in (actions.accept, actions.refuse):
        with pytest.raises(NotAllowed):
            act(asked, by=getattr(world, who), words="yes")


def test_it_lets_the_owner_take_it_back(world: World) -> None:
    asked = ask(world, value="AS64500")
    with pytest.raises(NotAllowed):
        actions.withdraw(asked, by=world.other_member)
    assert actions.withdraw(asked, by=world.member).status == "withdrawn"


def test_it_goes_the_whole_way_on_pages(world: World, network: Network) -> None:
    member, team = world.client(world.member), world.client(world.handler)
    assert "192.0.2.0/24" in member.get("/portal/ours/").content.decode()
    form = {"value": "192.0.2.0/24", "valid_to": "2027-01-31", "why": "Contract ends", "propose": "yes"}
    page = member.post(f"/portal/rows/{network.pk}/change/", form, follow=True).content.decode()
    assert "2027-01-31" in page and "Contract ends" in page
    asked = Proposal.objects.get()
    address = f"/portal/proposals/{asked.pk}/"
    assert "Accept and apply" in team.get(address).content.decode()
    assert "Accept and apply" not in member.get(address).content.decode()
    assert "/portal/proposals/?status=waiting" in team.get("/").content.decode()
    team.post(f"{address}decide/", {"accept": "yes", "words": "Noted"})
    assert "Noted" in member.get(address).content.decode()
    network.refresh_from_db()
    assert str(network.valid_to) == "2027-01-31"


def test_it_shows_problems_beside_the_fields(world: World) -> None:
    form = {"value": "192.0.2.7/24", "propose": "yes"}
    address = f"/portal/of/{world.port.pk}/networks/propose/"
    page = world.client(world.member).post(address, form).content.decode()
    assert "bits set" in page and not Proposal.objects.exists()
    contact = {
        "name": "Ann",
        "role": "security",
        "language": "en",
        "priority": "1",
        "timezone": "UTC",
        "propose": "1",
    }
    address = f"/portal/of/{world.port.pk}/contacts/propose/"
    assert "cannot be reached" in world.client(world.member).post(address, contact).content.decode()


def test_it_asks_for_removal_on_a_page(world: World, network: Network) -> None:
    address = f"/portal/rows/{network.pk}/remove/"
    assert world.client(world.other_member).get(address).status_code == 404
    world.client(world.member).post(address, {"propose": "yes", "why": "Sold"})
    assert (Proposal.objects.get().act, Proposal.objects.get().why) == ("remove", "Sold")
