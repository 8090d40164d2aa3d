"""Second factors: an app, recovery codes, and who is asked to have them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import reverse
from tests.world import PASSWORD, World

from atalaya.apps.people import queries
from atalaya.apps.people.models import User
from atalaya.apps.records.models import Record


@pytest.fixture(autouse=True)
def _fresh_counters(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Empty counters; and what waits for a commit happens at once, as the test's transaction never commits."""
    monkeypatch.setattr(transaction, "on_commit", lambda do, **_options: do())
    cache.clear()
    yield
    cache.clear()


def code_of(secret: str, step: int = 0) -> str:
    """The six digits that an app shows now (or `step` half minutes later)."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))


def signed_in(user: User, client: Client | None = None) -> Client:
    client = client or Client()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    return client


def with_app(user: User) -> tuple[Client, str, list[str]]:
    """A client of the user who added an app the way a person does: with its secret and the recovery codes shown."""
    client = signed_in(user)
    add = reverse("mfa_activate_totp")
    confirm = client.get(add)
    assert confirm["Location"].startswith(reverse("account_reauthenticate"))
    assert client.get(confirm["Location"]).status_code == 200
    client.post(confirm["Location"], {"password": PASSWORD})
    page = client.get(add)
    secret = page.context["form"].secret
    assert "data:image/svg+xml;base64," in page.content.decode()
    assert client.post(add, {"code": "000000"}).status_code == 200
    added = client.post(add, {"code": code_of(secret)})
    assert added["Location"] == reverse("mfa_view_recovery_codes")
    codes = client.get(added["Location"]).context["unused_codes"]
    return client, secret, codes


def test_it_asks_for_the_code_of_the_app_after_the_password(world: World) -> None:
    client, secret, _codes = with_app(world.admin)
    client.post(reverse("account_logout"))
    cache.clear()
    client.post(reverse("account_login"), {"login": world.admin.email, "password": PASSWORD})
    assert client.get(reverse("people:me")).status_code == 302
    door = reverse("mfa_authenticate")
    asked = client.get(door)
    assert asked.status_code == 200
    assert "data-webauthn" not in asked.content.decode(), "who has no key is not asked for one"
    assert client.post(door, {"code": "000000"}).status_code == 200
    assert client.get(reverse("people:me")).status_code == 302
    assert client.post(door, {"code": code_of(secret)})["Location"] == "/"
    assert client.get(reverse("people:me")).status_code == 200
    verbs = list(Record.objects.order_by("seq").values_list("verb", flat=True))
    assert verbs.count("people.factor.added") == 2
    assert verbs[-2:] == ["people.factor.refused", "people.sign_in.done"]


def test_it_takes_a_code_once_only(world: World) -> None:
    _client, secret, _codes = with_app(world.admin)
    cache.clear()
    code = code_of(secret)
    door = reverse("mfa_authenticate")
    assert signed_in(world.admin).post(door, {"code": code}).status_code == 302
    cache.delete(f"allauth.mfa.totp.used?user={world.admin.pk}&code={code}")
    again = signed_in(world.admin)
    assert again.post(door, {"code": code}).status_code == 200
    assert again.get(reverse("people:me")).status_code == 302


def test_it_locks_who_guesses_codes(world: World) -> None:
    _client, secret, _codes = with_app(world.admin)
    cache.clear()
    client = signed_in(world.admin)
    door = reverse("mfa_authenticate")
    for _ in range(5):
        client.post(door, {"code": "123123"})
    assert "Too many" in client.post(door, {"code": code_of(secret)}).content.decode()
    assert client.get(reverse("people:me")).status_code == 302


def test_it_lets_one_give_up_at_the_second_door(world: World) -> None:
    with_app(world.admin)
    client = signed_in(world.admin)
    assert client.get(reverse("account_login"))["Location"] == reverse("mfa_authenticate")
    client.post(reverse("account_logout"))
    assert client.get(reverse("account_login")).status_code == 200


def test_it_shows_recovery_codes_once_and_takes_each_once(world: World) -> None:
    client, _secret, codes = with_app(world.admin)
    assert len(codes) == 10
    page = client.get(reverse("mfa_view_recovery_codes"))
    assert not any(code in page.content.decode() for code in codes)
    assert client.get(reverse("mfa_download_recovery_codes")).status_code == 403
    door = reverse("mfa_authenticate")
    assert signed_in(world.admin).post(door, {"code": codes[0]}).status_code == 302
    cache.clear()
    assert signed_in(world.admin).post(door, {"code": codes[0]}).status_code == 200


def test_it_makes_new_recovery_codes(world: World) -> None:
    client, _secret, codes = with_app(world.admin)
    url = reverse("mfa_generate_recovery_codes")
    assert client.get(url).status_code == 200
    client.post(url)
    new = client.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]
    assert not set(new) & set(codes)
    assert Record.objects.filter(verb="people.factor.renewed").count() == 1


def test_it_removes_the_app_with_its_recovery_codes(world: World) -> None:
    client, _secret, _codes = with_app(world.admin)
    url = reverse("mfa_deactivate_totp")
    assert client.get(url).status_code == 200
    assert client.post(url)["Location"] == reverse("mfa_index")
    assert not Authenticator.objects.filter(user=world.admin).exists()
    assert Record.objects.filter(verb="people.factor.removed").count() == 2
    assert client.get(reverse("mfa_index")).status_code == 200


def test_it_confirms_by_code_before_something_sensitive(world: World) -> None:
    _client, secret, _codes = with_app(world.admin)
    cache.clear()
    client = signed_in(world.admin)
    client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
    url = reverse("mfa_reauthenticate")
    assert client.get(url).status_code == 200
    assert client.post(url, {"code": code_of(secret)}).status_code == 200, "the same code a second time"
    assert client.post(url, {"code": code_of(secret, 1)}).status_code == 302


def test_it_lets_an_administrator_remove_the_factors_of_a_lost_telephone(world: World) -> None:
    with_app(world.lead)
    response = world.client(world.admin).post(reverse("people:remove_factors", args=[world.lead.pk]))
    assert response.status_code == 302
    assert signed_in(world.lead).get(reverse("people:me")).status_code == 200
    record = Record.objects.get(verb="people.factor.all_removed")
    assert record.by_id == world.admin.pk
    assert record.detail["kinds"] == ["recovery_codes", "totp"]


def test_it_asks_administrators_and_leads_to_add_a_factor(world: World) -> None:
    asked = {user.name for user in world.people if queries.wants_factor(user)}
    assert asked == {"Admin", "Lead"}
    with_app(world.lead)
    assert not queries.wants_factor(world.lead)
    factors = {user.name: user.factor for user in queries.with_factor(User.objects.all())}  # type: ignore[attr-defined]
    assert [name for name, has_one in factors.items() if has_one] == ["Lead"]


def test_it_shows_the_banner_to_them_until_they_have(world: World) -> None:
    address = reverse("people:me")
    words = "only a password protects it"
    assert words in world.client(world.lead).get(address).content.decode()
    assert words not in world.client(world.reader).get(address).content.decode()
    client, _secret, _codes = with_app(world.lead)
    assert words not in client.get(address).content.decode()


@pytest.mark.parametrize("name", ["mfa_index", "mfa_list_webauthn", "mfa_add_webauthn", "mfa_activate_totp"])
def test_it_shows_no_factor_page_to_strangers(db: None, name: str) -> None:
    assert Client().get(reverse(name))["Location"].startswith(reverse("account_login"))


def test_it_keeps_keys_of_others_out_of_reach(world: World) -> None:
    key = Authenticator.objects.create(user=world.lead, type="webauthn", data={"name": "K", "credential": {}})
    client = signed_in(world.handler)
    confirm = client.get(reverse("mfa_activate_totp"))["Location"]
    client.post(confirm, {"password": PASSWORD})
    for name in ("mfa_edit_webauthn", "mfa_remove_webauthn"):
        assert client.post(reverse(name, args=[key.pk]), {"name": "mine"}).status_code == 404
    assert client.get(reverse("mfa_list_webauthn")).status_code == 200
