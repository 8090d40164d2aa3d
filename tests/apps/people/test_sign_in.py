"""Signing in: the way in, the ways to stay out, and what is written down about both."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import NoReverseMatch, resolve, reverse
from django.utils import timezone
from tests.world import PASSWORD, World, build

from atalaya.apps.people import actions
from atalaya.apps.people.jobs import forget
from atalaya.apps.people.models import Sharing
from atalaya.apps.records.models import Record

CHOSEN = "a sentence nobody has heard"


@pytest.fixture(autouse=True)
def _fresh_counters(request: pytest.FixtureRequest) -> Iterator[None]:
    request.getfixturevalue("transactional_db" if request.node.get_closest_marker("django_db") else "db")
    cache.clear()
    yield
    cache.clear()


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: Any) -> HttpResponse:
    response: HttpResponse = client.post(
        reverse("account_login"), {"login": email, "password": password}, **more
    )
    return response


def verbs() -> list[str]:
    return list(Record.objects.order_by("seq").values_list("verb", flat=True))


def test_it_signs_in_by_e_mail_in_any_case_and_out(world: World) -> None:
    client = Client()
    assert client.get(reverse("account_login")).status_code == 200
    assert sign_in(client, "LEAD@example.org")["Location"] == "/"
    assert client.get(reverse("people:me")).status_code == 200
    assert client.get(reverse("account_logout")).status_code == 200
    client.post(reverse("account_logout"))
    assert client.get(reverse("people:me")).status_code == 302
    assert verbs() == ["people.sign_in.done", "people.sign_out.done"]
    assert set(Record.objects.values_list("by_id", "state")) == {(world.lead.pk, "TT")}


def test_it_returns_to_the_page_that_was_asked(world: World) -> None:
    client = Client()
    asked = client.get(reverse("people:me"))["Location"]
    response = client.post(asked, {"login": "lead@example.org", "password": PASSWORD})
    assert response["Location"] == reverse("people:me")
    away = Client().post(
        reverse("account_login") + "?next=https://evil.example/",
        {"login": "lead@example.org", "password": PASSWORD},
    )
    assert away["Location"] == "/"


@pytest.mark.parametrize(
    "path",
    ["signup/", "email/", "password/reset/", "password/set/", "confirm-email/", "login/code/", "3rdparty/"],
)
def test_it_has_no_sign_up_and_no_way_round_by_mail(db: None, path: str) -> None:
    assert Client().get(f"/account/{path}").status_code == 404
    for name in ("account_signup", "account_email", "account_reset_password"):
        with pytest.raises(NoReverseMatch):
            reverse(name)


def test_it_says_the_same_about_a_wrong_password_and_an_unknown_account(world: World) -> None:
    wrong = sign_in(Client(), "lead@example.org", "wrong").context["form"].errors
    unknown = sign_in(Client(), "nobody@example.org", "wrong").context["form"].errors
    assert wrong == unknown
    failed = Record.objects.filter(verb="people.sign_in.failed").order_by("seq")
    assert [record.target_id for record in failed] == [str(world.lead.pk), ""]
    assert [record.detail["email"] for record in failed] == ["lead@example.org", "nobody@example.org"]
    assert "wrong" not in str([record.detail for record in failed])


def test_it_locks_an_account_after_five_failures_from_anywhere(world: World) -> None:
    for number in range(5):
        sign_in(Client(REMOTE_ADDR=f"192.0.2.{number}"), "lead@example.org", "wrong")
    for number in range(3):
        response = sign_in(Client(REMOTE_ADDR=f"198.51.100.{number}"), "lead@example.org")
        assert response.status_code == 200
        assert "Too many" in response.content.decode()
    assert verbs() == ["people.sign_in.failed"] * 5 + ["people.sign_in.locked"]
    assert sign_in(Client(REMOTE_ADDR="192.0.2.1"), "handler@example.org").status_code == 302


def test_it_locks_out_an_address_that_tries_many_accounts(world: World) -> None:
    client = Client(REMOTE_ADDR="203.0.113.9")
    for number in range(10):
        sign_in(client, f"guess{number}@example.org", "wrong")
    assert "Too many" in sign_in(client, "lead@example.org").content.decode()
    assert sign_in(Client(REMOTE_ADDR="203.0.113.10"), "lead@example.org").status_code == 302


def test_it_answers_429_to_a_flood(world: World) -> None:
    client = Client(REMOTE_ADDR="203.0.113.11")
    codes = [client.post(reverse("account_login"), {}).status_code for _ in range(32)]
    assert codes[:30] == [200] * 30
    assert codes[30:] == [429] * 2


def test_it_keeps_the_counters_where_every_process_sees_them(world: World) -> None:
    sign_in(Client(), "lead@example.org", "wrong")
    assert Sharing.objects.filter(cache_key__contains="login_failed").exists()


def test_it_tells_the_owner_of_a_closed_account_and_nobody_else(world: World) -> None:
    actions.deactivate(world.reader, by=world.admin)
    assert sign_in(Client(), "reader@example.org")["Location"] == reverse("account_inactive")
    assert Client().get(reverse("account_inactive")).status_code == 200
    assert sign_in(Client(), "reader@example.org", "wrong").status_code == 200
    assert verbs()[-2:] == ["people.sign_in.closed", "people.sign_in.failed"]


def test_it_forces_a_one_time_password_to_be_changed(world: World) -> None:
    once = actions.reset_password(world.reader, by=world.admin)
    client = Client()
    sign_in(client, "reader@example.org", once)
    change = reverse("account_change_password")
    assert client.get(reverse("people:me"))["Location"] == change
    assert client.get(reverse("people:add_token"))["Location"] == change
    assert client.post(reverse("set_language"), {"language": "fr"}).status_code in (204, 302)
    assert client.get(change).status_code == 200
    same = client.post(change, {"oldpassword": once, "password1": once, "password2": once})
    assert "password1" in same.context["form"].errors
    weak = client.post(change, {"oldpassword": once, "password1": "password", "password2": "password"})
    assert "password1" in weak.context["form"].errors
    done = client.post(change, {"oldpassword": once, "password1": CHOSEN, "password2": CHOSEN})
    assert done["Location"] == reverse("people:me")
    assert client.get(reverse("people:me")).status_code == 200
    world.reader.refresh_from_db()
    assert world.reader.check_password(CHOSEN)
    assert not world.reader.must_change_password
    assert verbs()[-1] == "people.password.changed"
    assert CHOSEN not in str(list(Record.objects.values_list("detail", flat=True)))


def test_it_ends_other_sessions_when_the_password_changes(world: World) -> None:
    one, other = Client(), Client()
    sign_in(one, "reader@example.org")
    sign_in(other, "reader@example.org")
    new = {"oldpassword": PASSWORD, "password1": CHOSEN, "password2": CHOSEN}
    one.post(reverse("account_change_password"), new)
    assert one.get(reverse("people:me")).status_code == 200
    assert other.get(reverse("people:me")).status_code == 302


def test_it_shows_sessions_and_ends_them(world: World) -> None:
    one = Client(HTTP_USER_AGENT="Browser One")
    other = Client(HTTP_USER_AGENT="Browser Two")
    sign_in(one, "reader@example.org")
    sign_in(other, "reader@example.org")
    page = one.get(reverse("people:me")).content.decode()
    assert "Browser One" in page
    assert "Browser Two" in page
    session = UserSession.objects.get(user_agent="Browser Two")
    assert world.client(world.lead).post(reverse("people:end_session", args=[session.pk])).status_code == 404
    assert one.post(reverse("people:end_session", args=[session.pk])).status_code == 302
    assert other.get(reverse("people:me")).status_code == 302
    assert one.get(reverse("people:me")).status_code == 200
    assert verbs()[-1] == "people.session.ended"


def test_it_ends_every_other_session_at_once(world: World) -> None:
    clients = [Client() for _ in range(3)]
    for client in clients:
        sign_in(client, "reader@example.org")
    clients[0].post(reverse("people:end_other_sessions"))
    assert [client.get(reverse("people:me")).status_code for client in clients] == [200, 302, 302]


def test_it_lets_administrators_end_sessions_of_their_state_only(world: World) -> None:
    for email in ("reader@example.org", "foreign.handler@example.org"):
        sign_in(Client(), email)
    admin = world.client(world.admin)
    near = UserSession.objects.get(user=world.reader)
    far = UserSession.objects.get(user=world.foreign_handler)
    assert admin.post(reverse("people:end_session", args=[near.pk]))["Location"] == reverse(
        "people:person", args=[world.reader.pk]
    )
    assert admin.post(reverse("people:end_session", args=[far.pk])).status_code == 404


def test_it_keeps_the_language_on_the_user_and_uses_it_at_the_next_sign_in(world: World) -> None:
    client = Client()
    sign_in(client, "reader@example.org")
    client.post(reverse("set_language"), {"language": "es", "next": "/people/me/"})
    world.reader.refresh_from_db()
    assert world.reader.language == "es"
    fresh = Client()
    sign_in(fresh, "reader@example.org")
    assert fresh.cookies["django_language"].value == "es"
    assert fresh.get(reverse("people:me"))["Content-Language"] == "es"
    client.post(reverse("set_language"), {"language": "tlh"})
    world.reader.refresh_from_db()
    assert world.reader.language == "es"


def test_it_switches_the_language_for_strangers_without_leading_away(db: None) -> None:
    client = Client()
    response = client.post(reverse("set_language"), {"language": "fr", "next": "https://evil.example/"})
    assert "evil" not in response.get("Location", "")
    assert client.get(reverse("account_login"))["Content-Language"] == "fr"
    assert client.get(reverse("set_language")).status_code == 405


def test_it_changes_ones_own_name_and_nothing_more(world: World) -> None:
    client = world.client(world.reader)
    client.post(
        reverse("people:me"),
        {"name": "Renamed", "language": "fr", "role": "administrator", "email": "x@example.org"},
    )
    world.reader.refresh_from_db()
    assert (world.reader.name, world.reader.role, world.reader.email) == (
        "Renamed",
        "reader",
        "reader@example.org",
    )
    assert client.post(reverse("people:me"), {"name": "", "language": "fr"}).status_code == 200


def test_it_serves_only_account_pages_that_this_node_wants() -> None:
    from atalaya.apps.people import account_urls

    for pattern in account_urls.urlpatterns:
        arguments = [1] if "<int:pk>" in str(pattern.pattern) else []
        assert resolve(reverse(str(pattern.name), args=arguments)).url_name == pattern.name


def test_it_forgets_sessions_and_counters_that_are_over(world: World) -> None:
    for email in ("reader@example.org", "lead@example.org"):
        sign_in(Client(), email)
    sign_in(Client(), "lead@example.org", "wrong")
    old = UserSession.objects.get(user=world.lead)
    Session.objects.filter(session_key=old.session_key).update(
        expire_date=timezone.now() - timedelta(seconds=1)
    )
    Sharing.objects.update(expires=timezone.now() - timedelta(days=1))
    forget()
    assert [session.user for session in UserSession.objects.all()] == [world.reader]
    assert Session.objects.count() == 1
    assert not Sharing.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_counts_right_when_many_guess_at_once() -> None:
    world = build()

    def guess(number: int) -> str:
        try:
            page = sign_in(
                Client(REMOTE_ADDR=f"192.0.2.{number}"), world.lead.email, "wrong"
            ).content.decode()
        finally:
            connection.close()
        return "locked" if "Too many" in page else "wrong"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(16)))
    assert answers.count("wrong") == 5
    assert answers.count("locked") == 11
    assert verbs().count("people.sign_in.failed") == 5
    assert verbs().count("people.sign_in.locked") == 1
