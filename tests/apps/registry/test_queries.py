from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from tests.world import World

from atalaya.apps.registry import queries
from atalaya.apps.registry.models import Contact, Membership, Network, Organisation
from atalaya.apps.registry.queries import NOTHING, Scope, scope_of


def test_it_gives_a_stranger_nothing(world: World) -> None:
    for nobody in (None, AnonymousUser()):
        assert scope_of(nobody) == NOTHING
        assert not scope_of(nobody)
        assert not queries.visible_to(nobody).exists()


def test_it_gives_the_team_its_state(world: World) -> None:
    for user in (world.admin, world.lead, world.handler, world.reader):
        assert scope_of(user) == Scope(frozenset({world.state.code}), None)
        assert set(queries.visible_to(user)) == {world.port, world.bank}


def test_it_gives_a_member_their_organisation_and_its_parts(world: World) -> None:
    part = Organisation.objects.create(state=world.state, name="Harbour", parent=world.port)
    below = Organisation.objects.create(state=world.state, name="Crane", parent=part)
    assert set(queries.visible_to(world.member)) == {world.port, part, below}
    assert set(queries.visible_to(world.other_member)) == {world.bank}
    assert set(queries.visible_to(world.foreign_member)) == {world.foreign_organisation}


def test_it_ends_even_when_the_parts_form_a_circle(world: World) -> None:
    Organisation.objects.filter(pk=world.port.pk).update(parent=world.bank)
    Organisation.objects.filter(pk=world.bank.pk).update(parent=world.port)
    assert set(queries.visible_to(world.member)) == {world.port, world.bank}
    world.port.refresh_from_db()
    assert queries.contacts_to_tell(world.port) == []


def test_it_gives_an_organisations_member_no_state_even_in_a_team(world: World) -> None:
    Membership.objects.create(user=world.member, team=world.team)
    assert set(queries.visible_to(world.member)) == {world.port}


def test_it_gives_a_closed_account_nothing(world: World) -> None:
    world.handler.is_active = False
    assert scope_of(world.handler) == NOTHING


def test_it_gives_somebody_without_membership_nothing(world: World) -> None:
    world.admin.memberships.all().delete()
    assert scope_of(world.admin) == NOTHING
    assert not queries.networks_visible_to(world.admin).exists()
    assert not queries.certificates_visible_to(world.admin).exists()
    assert not queries.memberships_visible_to(world.admin).exists()
    assert not queries.teams_visible_to(world.admin).exists()


def test_its_scope_answers_for_one_record(world: World) -> None:
    team, member = scope_of(world.handler), scope_of(world.member)
    state, port, bank = world.state.code, str(world.port.pk), str(world.bank.pk)
    assert team.holds(state, port) and team.holds(state, None)
    assert member.holds(state, port)
    assert not member.holds(state, bank) and not member.holds(state, None)
    assert not team.holds(world.foreign_state.code, None)


def test_it_shows_contacts_and_networks_of_visible_organisations_only(world: World) -> None:
    for organisation in (world.port, world.bank, world.foreign_organisation):
        Contact.objects.create(organisation=organisation, name="A", email="a@example.org")
        Network.objects.create(organisation=organisation, kind="asn", value="AS64500")
    owners = {
        world.handler: {world.port, world.bank},
        world.member: {world.port},
        world.foreign_handler: {world.foreign_organisation},
    }
    for user, expected in owners.items():
        assert {row.organisation for row in queries.contacts_visible_to(user)} == expected
        assert {row.organisation for row in queries.networks_visible_to(user)} == expected


def contact(organisation: Organisation, name: str, role: str, priority: int = 1, **more) -> Contact:
    return Contact.objects.create(
        organisation=organisation,
        name=name,
        email=f"{name}@example.org",
        role=role,
        priority=priority,
        **more,
    )


def test_it_tells_the_security_contacts_of_the_first_priority(world: World) -> None:
    contact(world.port, "late", "security", 2)
    first = contact(world.port, "first", "security", 1)
    also = contact(world.port, "also", "security", 1)
    contact(world.port, "abuse", "abuse", 1)
    contact(world.port, "away", "security", 1, active=False)
    assert queries.contacts_to_tell(world.port) == [also, first]


def test_it_tells_the_next_best_role_but_never_the_press(world: World) -> None:
    contact(world.port, "press", "press")
    contact(world.port, "legal", "legal")
    assert queries.contacts_to_tell(world.port) == []
    manager = contact(world.port, "boss", "management")
    assert queries.contacts_to_tell(world.port) == [manager]
    technician = contact(world.port, "tech", "technical", 9)
    assert queries.contacts_to_tell(world.port) == [technician]


def test_it_asks_the_organisation_above_when_nobody_is_known(world: World) -> None:
    part = Organisation.objects.create(state=world.state, name="Harbour", parent=world.port)
    above = contact(world.port, "first", "security")
    Contact.objects.create(organisation=part, name="telephone only", phone="+1 868 555 0100")
    assert queries.contacts_to_tell(part) == [above]


@pytest.mark.django_db
def test_its_compiled_networks_follow_the_registry(world: World) -> None:
    attribute = pytest.importorskip("atalaya.core.pipeline.attribute")
    first = queries.networks(world.state.code)
    assert isinstance(first, attribute.Networks)
    assert queries.networks(world.state.code) is first
    Network.objects.create(organisation=world.port, kind="prefix", value="192.0.2.0/24")
    assert queries.networks(world.state.code) is not first
