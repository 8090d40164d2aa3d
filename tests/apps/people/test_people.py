"""Those who manage people: whom they see, what they do."""

from __future__ import annotations

import re

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from tests.world import PASSWORD, World

from atalaya.apps.people import actions, queries
from atalaya.apps.people.models import Role, User
from atalaya.apps.records.models import Record
from atalaya.apps.registry.models import Membership
from atalaya.core.errors import BadInput, NotAllowed

NEW = {"email": "New@Example.org", "name": "New One", "role": "reader", "language": "es"}


def pages(user: User) -> list[str]:
    return [reverse("people:list"), reverse("people:add"), reverse("people:person", args=[user.pk])]


def posts(user: User) -> list[str]:
    return [
        reverse(f"people:{name}", args=[user.pk])
        for name in ("reset_password", "remove_factors", "close", "open")
    ]


def test_it_sends_strangers_to_the_sign_in_page(world: World) -> None:
    for url in [*pages(world.reader), reverse("people:me"), reverse("people:add_token")]:
        response = world.stranger.get(url)
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("account_login"))
    for url in posts(world.reader):
        assert world.stranger.post(url)["Location"].startswith(reverse("account_login"))


def words(response: HttpResponse) -> str:
    """The page without the hidden fields, which carry the address that was asked and a fresh mark against forgery."""
    return re.sub(r'value="[^"]*"', "", response.content.decode())


@pytest.mark.parametrize(
    "who", ["lead", "handler", "reader", "member", "other_member", "foreign_handler", "foreign_member"]
)
def test_it_refuses_everybody_but_administrators(world: World, who: str) -> None:
    client = world.client(getattr(world, who))
    answers = [client.get(url) for url in pages(world.reader)] + [
        client.post(url) for url in posts(world.reader)
    ]
    assert {answer.status_code for answer in answers} == {403}
    missing = client.get(reverse("people:person", args=["00000000-0000-4000-8000-000000000000"]))
    assert missing.status_code == 403
    assert words(missing) == words(answers[2])


def test_it_lists_the_people_of_the_administrators_states_only(world: World) -> None:
    unplaced = User.objects.create(email="unplaced@example.org", name="Unplaced", role=Role.READER)
    page = world.client(world.admin).get(reverse("people:list")).content.decode()
    seen = {user.name for user in world.people if user.name in page}
    assert seen == {"Admin", "Lead", "Handler", "Reader", "Member", "Other Member"}
    assert unplaced.name in page


def test_it_hides_people_of_another_state(world: World) -> None:
    client = world.client(world.admin)
    for url in (*pages(world.foreign_handler)[2:],):
        assert client.get(url).status_code == 404
    for url in posts(world.foreign_member):
        assert client.post(url).status_code == 404
    world.foreign_member.refresh_from_db()
    assert world.foreign_member.is_active


def test_it_shows_but_does_not_hand_over_who_also_works_for_another_state(world: World) -> None:
    Membership.objects.create(user=world.lead, team=world.foreign_team)
    client = world.client(world.admin)
    page = client.get(reverse("people:list")).content.decode()
    assert world.lead.email in page
    assert reverse("people:person", args=[world.lead.pk]) not in page
    assert reverse("people:person", args=[world.reader.pk]) in page
    assert client.get(reverse("people:person", args=[world.lead.pk])).status_code == 404
    assert {client.post(url).status_code for url in posts(world.lead)} == {404}
    assert not queries.managed_by(world.lead)


def test_it_gives_an_administrator_without_a_team_nobody_who_is_placed(world: World) -> None:
    Membership.objects.filter(user=world.admin).delete()
    assert {user.name for user in queries.visible_to(world.admin)} == {"Admin"}
    assert {user.name for user in queries.managed_by(world.admin)} == {"Admin"}


def test_it_writes_nobody_of_another_state_into_the_file(world: World) -> None:
    response = world.client(world.admin).get(reverse("people:list") + "?format=csv")
    text = b"".join(response).decode()
    assert "lead@example.org" in text
    assert "foreign" not in text


def test_it_shows_colleagues_to_a_team_and_nobody_to_a_member(world: World) -> None:
    assert {user.name for user in queries.visible_to(world.handler)} == {"Admin", "Lead", "Handler", "Reader"}
    assert {user.name for user in queries.visible_to(world.member)} == {"Member"}
    world.handler.is_active = False
    assert not queries.visible_to(world.handler)


def test_it_adds_a_person_and_shows_the_password_once(world: World) -> None:
    client = world.client(world.admin)
    assert client.get(reverse("people:add")).status_code == 200
    response = client.post(reverse("people:add"), NEW)
    user = User.objects.get(email="new@example.org")
    once = response.context["once"]
    assert once in response.content.decode()
    assert user.check_password(once)
    assert user.password.startswith("argon2")
    assert user.must_change_password
    assert "no-store" in response["Cache-Control"]
    record = Record.objects.get(verb="people.user.added")
    assert (record.by_id, record.target_id, record.state) == (world.admin.pk, str(user.pk), "TT")
    assert once not in str(record.detail)


def test_it_tells_what_is_wrong_with_a_new_person(world: World) -> None:
    client = world.client(world.admin)
    taken = client.post(reverse("people:add"), {**NEW, "email": "READER@example.org"})
    assert "already" in taken.content.decode()
    assert client.post(reverse("people:add"), {**NEW, "role": "king"}).status_code == 200
    assert not User.objects.filter(name="New One").exists()


@pytest.mark.parametrize(
    "wrong", [{"email": "x"}, {"name": " "}, {"role": "king"}, {"language": "tlh"}, {"password": "short"}]
)
def test_it_refuses_what_cannot_be(world: World, wrong: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        actions.create_user(by=None, **{**NEW, **wrong})


def test_it_refuses_a_weak_password_and_keeps_the_old_one(world: World) -> None:
    before = world.reader.password
    with pytest.raises(BadInput):
        actions.change_password(world.reader, "reader", by=world.reader)
    world.reader.refresh_from_db()
    assert world.reader.password == before
    assert User.objects.get_by_natural_key("READER@example.org") == world.reader


def test_it_takes_a_password_that_was_given(world: World) -> None:
    user, once = actions.create_user(by=None, **NEW, password="a long and rare sentence")
    assert once == ""
    assert not user.must_change_password
    assert user.check_password("a long and rare sentence")


def test_it_changes_a_person_and_records_what_changed(world: World) -> None:
    client = world.client(world.admin)
    url = reverse("people:person", args=[world.reader.pk])
    assert client.get(url).status_code == 200
    assert client.post(url, {**NEW, "role": "handler"}).status_code == 302
    world.reader.refresh_from_db()
    assert (world.reader.email, world.reader.role, world.reader.language) == (
        "new@example.org",
        "handler",
        "es",
    )
    record = Record.objects.get(verb="people.user.changed")
    assert record.detail["role"] == {"from": "reader", "to": "handler"}
    assert "email" in record.detail
    client.post(url, {**NEW, "role": "handler"})
    assert Record.objects.filter(verb="people.user.changed").count() == 1


def test_it_does_not_let_anybody_change_his_own_role(world: World) -> None:
    url = reverse("people:person", args=[world.admin.pk])
    mine = {"email": world.admin.email, "name": world.admin.name, "role": "lead", "language": "en"}
    response = world.client(world.admin).post(url, mine)
    assert "your own role" in response.content.decode()
    world.admin.refresh_from_db()
    assert world.admin.role == Role.ADMINISTRATOR
    with pytest.raises(NotAllowed):
        actions.deactivate(world.admin, by=world.admin)


def test_it_keeps_the_last_administrator(world: World) -> None:
    with pytest.raises(NotAllowed):
        actions.set_role(world.admin, "lead", by=None)
    with pytest.raises(NotAllowed):
        actions.deactivate(world.admin, by=world.lead)
    actions.set_role(world.lead, "administrator", by=world.admin)
    actions.deactivate(world.admin, by=world.lead)
    world.admin.refresh_from_db()
    assert not world.admin.is_active


def test_it_closes_an_account_and_ends_its_sessions(world: World) -> None:
    theirs = world.client(world.handler)
    assert theirs.get(reverse("people:me")).status_code == 200
    admin = world.client(world.admin)
    admin.post(reverse("people:close", args=[world.handler.pk]))
    assert theirs.get(reverse("people:me")).status_code == 302
    assert "closed" in admin.get(reverse("people:person", args=[world.handler.pk])).content.decode()
    admin.post(reverse("people:open", args=[world.handler.pk]))
    world.handler.refresh_from_db()
    assert world.handler.is_active
    verbs = set(Record.objects.values_list("verb", flat=True))
    assert {"people.user.closed", "people.user.opened"} <= verbs


def test_it_does_not_act_on_oneself_from_the_list(world: World) -> None:
    client = world.client(world.admin)
    assert {client.post(url).status_code for url in posts(world.admin)} == {404}
    assert "This is you" in client.get(reverse("people:person", args=[world.admin.pk])).content.decode()


def test_it_gives_a_one_time_password_and_ends_sessions(world: World) -> None:
    theirs = Client()
    theirs.post(reverse("account_login"), {"login": world.reader.email, "password": PASSWORD})
    assert theirs.get(reverse("people:me")).status_code == 200
    response = world.client(world.admin).post(reverse("people:reset_password", args=[world.reader.pk]))
    once = response.context["once"]
    assert theirs.get(reverse("people:me")).status_code == 302
    assert Record.objects.get(verb="people.password.reset").detail == {"sessions_ended": 1}
    world.reader.refresh_from_db()
    assert world.reader.check_password(once)
    assert world.reader.must_change_password
    assert once not in str(list(Record.objects.values_list("detail", flat=True)))


def test_it_makes_the_first_administrator_only_on_an_empty_node(db: None) -> None:
    actions.create_user(by=None, email="member@example.org", name="Member", role="member")
    made = actions.first_administrator()
    assert made is not None
    user, once = made
    assert user.role == Role.ADMINISTRATOR
    assert Client().login(email=user.email, password=once) or user.check_password(once)
    assert actions.first_administrator() is None
