"""API tokens: what is kept of them, what they open, how they end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from ninja.errors import AuthorizationError
from tests.world import World

from atalaya.apps.people import actions
from atalaya.apps.people.middleware import SignInRequired
from atalaya.apps.people.models import Token, User
from atalaya.apps.people.rights import Right, api_auth, has
from atalaya.apps.records.models import Record
from atalaya.core.errors import BadInput, NotAllowed

READ = [Right.READ_EVENTS]


def request(secret: str = "", kind: str = "Bearer") -> HttpRequest:
    headers = {"HTTP_AUTHORIZATION": f"{kind} {secret}"} if secret else {}
    return RequestFactory().get("/api/v1/anything", **headers)


def who(secret: str) -> User | None:
    found: User | None = api_auth(request(secret))
    return found


def test_it_shows_the_secret_once_and_keeps_its_hash(world: World) -> None:
    client = world.client(world.handler)
    assert client.get(reverse("people:add_token")).status_code == 200
    response = client.post(
        reverse("people:add_token"), {"name": "Uploads", "scopes": ["events:write"], "days": "30"}
    )
    secret = response.context["secret"]
    assert secret in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    token = Token.objects.get()
    assert (token.user, token.scopes, token.digest) == (
        world.handler,
        ["events:write"],
        actions.digest_of(secret),
    )
    assert secret not in str(Token.objects.values().get())
    assert secret not in client.get(reverse("people:me")).content.decode()
    assert secret not in str(list(Record.objects.values()))
    assert token.expires_at is not None
    assert timedelta(days=29) < token.expires_at - timezone.now() < timedelta(days=30)


def test_it_offers_and_takes_only_what_the_user_may_do(world: World) -> None:
    page = world.client(world.reader).get(reverse("people:add_token")).content.decode()
    assert "events:read" in page
    assert "events:write" not in page
    with pytest.raises(NotAllowed):
        actions.create_token(world.reader, by=world.reader, name="x", scopes=[Right.WRITE_EVENTS])


@pytest.mark.parametrize("wrong", [{"name": " "}, {"scopes": []}, {"days": 5000}])
def test_it_refuses_a_token_without_name_right_or_end(world: World, wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        actions.create_token(world.reader, by=None, **{"name": "x", "scopes": READ, "days": 30, **wrong})  # type: ignore[arg-type]


def test_it_acts_as_its_user_within_its_scopes(world: World) -> None:
    _token, secret = actions.create_token(world.handler, by=world.handler, name="x", scopes=READ)
    user = who(secret)
    assert user == world.handler
    assert has(user, Right.READ_EVENTS)
    assert not has(user, Right.WRITE_EVENTS)
    assert has(world.handler, Right.WRITE_EVENTS)
    assert api_auth.needing(Right.READ_EVENTS)(request(secret)) == world.handler
    with pytest.raises(AuthorizationError):
        api_auth.needing(Right.WRITE_EVENTS)(request(secret))


def test_it_loses_a_right_with_the_role(world: World) -> None:
    _token, secret = actions.create_token(world.handler, by=None, name="x", scopes=[Right.WRITE_EVENTS])
    actions.set_role(world.handler, "reader", by=world.admin)
    assert not has(who(secret), Right.WRITE_EVENTS)


def expire(token: Token) -> None:
    Token.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def revoke(token: Token) -> None:
    actions.revoke_token(token, by=None)


def close(token: Token) -> None:
    actions.deactivate(token.user, by=None)


@pytest.mark.parametrize("end", [expire, revoke, close])
def test_it_opens_nothing_after_its_end(world: World, end: Callable[[Token], None]) -> None:
    token, secret = actions.create_token(world.handler, by=None, name="x", scopes=READ)
    assert who(secret) == world.handler
    end(token)
    assert who(secret) is None


@pytest.mark.parametrize("secret", ["", "nonsense", "atl_"])
def test_it_knows_no_other_secret(world: World, secret: str) -> None:
    actions.create_token(world.handler, by=None, name="x", scopes=READ)
    assert who(secret) is None
    assert api_auth(request("x", "Basic")) is None


def test_it_notes_the_last_use_at_most_once_a_minute(world: World) -> None:
    token, secret = actions.create_token(world.handler, by=None, name="x", scopes=READ)
    who(secret)
    first = Token.objects.get().last_used_at
    assert first is not None
    who(secret)
    assert Token.objects.get().last_used_at == first
    Token.objects.filter(pk=token.pk).update(last_used_at=first - timedelta(minutes=2))
    who(secret)
    assert Token.objects.get().last_used_at > first - timedelta(minutes=2)


def test_it_lets_its_user_end_it_and_administrators_of_the_state(world: World) -> None:
    mine, _secret = actions.create_token(world.reader, by=None, name="x", scopes=READ)
    far, _secret = actions.create_token(world.foreign_handler, by=None, name="y", scopes=READ)
    url = reverse("people:revoke_token", args=[mine.pk])
    assert world.stranger.post(url).status_code == 302
    assert {
        world.client(user).post(url).status_code
        for user in (world.handler, world.member, world.foreign_handler)
    } == {404}
    assert world.client(world.admin).post(reverse("people:revoke_token", args=[far.pk])).status_code == 404
    assert Token.objects.filter(revoked_at=None).count() == 2
    assert world.client(world.reader).post(url)["Location"] == reverse("people:me")
    assert "ended" in world.client(world.reader).get(reverse("people:me")).content.decode()
    world.client(world.admin).post(url)
    assert Record.objects.filter(verb="people.token.revoked").count() == 1


def through(request_: HttpRequest) -> HttpResponse | None:
    """What the middleware answers to an API request before the view is called."""
    from django.contrib.auth.models import AnonymousUser

    request_.user = AnonymousUser()
    door = SignInRequired(lambda _request: HttpResponse())
    answer = door.process_view(request_, lambda _request: HttpResponse(), (), {})
    assert answer is None or isinstance(answer, HttpResponse)
    return answer


def test_it_denies_the_api_without_a_token_by_default(world: World) -> None:
    _token, secret = actions.create_token(world.handler, by=None, name="x", scopes=READ)
    refused = through(request("nonsense"))
    assert refused is not None
    assert refused.status_code == 401
    assert refused["Content-Type"] == "application/problem+json"
    assert refused["WWW-Authenticate"] == "Bearer"
    assert json.loads(refused.content)["status"] == 401
    known = request(secret)
    assert through(known) is None
    assert known.user == world.handler


def test_it_takes_no_token_outside_the_api(world: World) -> None:
    _token, secret = actions.create_token(world.handler, by=None, name="x", scopes=READ)
    response = Client().get(reverse("people:me"), HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert response.status_code == 302
