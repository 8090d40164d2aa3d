"""The table of rights, and the door that asks for one."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from atalaya.apps.people.models import Role, User
from atalaya.apps.people.rights import RIGHTS, Right, asker, context, has, needs, rights_of

WRITING = {right for right in Right if right.value.split(":")[1] != "read"}
OWN = {Right.MARK_FINDINGS, Right.PROPOSE_CHANGES, Right.KEEP_WEBHOOKS}
"""What members write: their word about findings, their wishes, and where they are told. Never what the team keeps."""


@needs(Right.READ_RECORDS)
def guarded(request: HttpRequest) -> HttpResponse:
    return HttpResponse("inside")


def request_of(user: User | AnonymousUser) -> HttpRequest:
    request = RequestFactory().get("/somewhere/?a=1")
    request.user = user
    return request


def test_it_gives_every_role_its_rights() -> None:
    assert set(RIGHTS) == set(Role.values)
    assert RIGHTS[Role.ADMINISTRATOR] == set(Right)
    assert not RIGHTS[Role.READER] & WRITING
    assert RIGHTS[Role.MEMBER] & WRITING == OWN
    assert not RIGHTS[Role.HANDLER] & OWN - {Right.MARK_FINDINGS}, (
        "the team writes for itself, owners for themselves"
    )
    assert Right.MANAGE_PEOPLE not in RIGHTS[Role.LEAD]
    assert RIGHTS[Role.READER] < RIGHTS[Role.HANDLER] < RIGHTS[Role.LEAD] < RIGHTS[Role.ADMINISTRATOR]


def test_it_gives_nothing_to_strangers_closed_accounts_and_unknown_roles() -> None:
    for user in (None, AnonymousUser(), User(role="administrator", is_active=False), User(role="king")):
        assert rights_of(user) == frozenset()
    assert not has(AnonymousUser(), Right.READ_EVENTS)


def test_it_answers_djangos_own_question() -> None:
    lead = User(role=Role.LEAD)
    assert lead.has_perm("records:read")
    assert not lead.has_perm("people:manage")
    assert lead.has_perms(["events:read", "events:write"])


def test_it_lets_in_who_has_the_right() -> None:
    assert guarded(request_of(User(role=Role.LEAD))).status_code == 200
    assert guarded.needs is Right.READ_RECORDS  # type: ignore[attr-defined]


def test_it_sends_a_stranger_to_sign_in_and_back() -> None:
    response = guarded(request_of(AnonymousUser()))
    assert response.status_code == 302
    assert response.headers["Location"] == "/account/login/?next=/somewhere/%3Fa%3D1"


@pytest.mark.parametrize("role", [Role.HANDLER, Role.READER, Role.MEMBER])
def test_it_refuses_who_has_not(role: str) -> None:
    with pytest.raises(PermissionDenied):
        guarded(request_of(User(role=role)))


def test_it_knows_who_asks() -> None:
    user = User(role=Role.READER)
    assert asker(request_of(user)) is user
    with pytest.raises(PermissionDenied):
        asker(request_of(AnonymousUser()))


def test_it_tells_templates_what_one_may_do() -> None:
    assert context(request_of(User(role=Role.LEAD)))["may"]["READ_RECORDS"]  # type: ignore[index]
    assert not any(context(request_of(AnonymousUser()))["may"].values())  # type: ignore[attr-defined]
