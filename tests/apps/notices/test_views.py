"""Who sees which notices, and what the pages do."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from tests.apps.notices.conftest import See, contact, line
from tests.wire.postbox import Postbox
from tests.world import World

from atalaya.apps.events.models import Finding
from atalaya.apps.notices import actions, keys
from atalaya.apps.notices.models import Notice, Trouble
from atalaya.apps.notices.wording import topics
from atalaya.apps.people import actions as people
from atalaya.apps.people.models import User
from atalaya.apps.records.models import Record
from atalaya.core.errors import AtalayaError, NotAllowed

Status = Notice.Status
STAFF = {"admin", "lead", "handler", "reader"}
PORT, BANK, POWER = "noc@port.example", "security@bank.example", "noc@power.example"


@pytest.fixture
def sent(told: World, see: See, box: Postbox) -> World:
    """One notice sent to each of the port, the bank and the power company of the other state."""
    contact(told.foreign_organisation, POWER, "pt-br")
    see(line("192.0.2.1"), line("198.51.100.1"))
    see(line("203.0.113.1"), state="BB")
    for notice in Notice.objects.all():
        actions.deliver(notice.pk)
    assert set(Notice.objects.values_list("status", flat=True)) == {Status.SENT}
    return told


@pytest.fixture
def held(owned: World, see: See) -> World:
    """A notice of the port that is held because of its marking, and one of the bank that nobody can be told."""
    contact(owned.port, PORT, "es")
    see(line("192.0.2.1", tlp="red"), line("198.51.100.1"))
    for notice in Notice.objects.filter(status=Status.WAITING):
        actions.prepare(notice.pk)
    return owned


def expected(who: str) -> set[str]:
    if who in STAFF:
        return {PORT, BANK}
    return {"member": {PORT}, "other_member": {BANK}}.get(
        who, {POWER} if who.startswith("foreign") else set()
    )


EVERYBODY = [*sorted(STAFF), "member", "other_member", "foreign_handler", "foreign_member"]


def body_of(response: Any) -> str:
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return bytes(body).decode()


def shown(body: str) -> set[str]:
    return {one for one in (PORT, BANK, POWER) if one in body}


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("params", [{}, {"format": "csv"}, {"status": "sent"}])
def test_it_lists_to_each_their_own_notices_alone(sent: World, who: str, params: dict[str, str]) -> None:
    response = sent.client(getattr(sent, who)).get(reverse("notices:list"), params)
    assert response.status_code == 200
    assert shown(body_of(response)) == expected(who)


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("page", ["notice", "rows", "message"])
def test_it_opens_to_each_their_own_notices_alone(sent: World, who: str, page: str) -> None:
    staff = who in STAFF or who == "foreign_handler"
    for notice in Notice.objects.all():
        response = sent.client(getattr(sent, who)).get(reverse(f"notices:{page}", args=[notice.pk]))
        mine = notice.recipient in expected(who)
        wanted = (200 if staff or page != "message" else 403) if mine else 404
        assert response.status_code == wanted


@pytest.mark.parametrize("page", ["notice", "rows", "message"])
def test_it_shows_a_stranger_nothing(sent: World, page: str) -> None:
    notice = Notice.objects.first()
    assert notice is not None
    for url in (
        reverse("notices:list"),
        reverse(f"notices:{page}", args=[notice.pk]),
        reverse("notices:texts"),
    ):
        response = sent.stranger.get(url)
        assert response.status_code == 302 and "login" in response["Location"]


def test_it_shows_the_notice_as_it_was_sent(sent: World) -> None:
    notice = Notice.objects.get(organisation=sent.port)
    body = body_of(sent.client(sent.handler).get(reverse("notices:notice", args=[notice.pk])))
    assert notice.subject in body and "Qué hacer" in body and notice.message_id.strip("<>") in body
    assert "192.0.2.1:3389" in body and "source.ip" in body
    assert "250 queued as 4711" in body
    member = body_of(sent.client(sent.member).get(reverse("notices:notice", args=[notice.pk])))
    assert notice.subject in member and "250 queued" not in member and "/again/" not in member


def test_it_gives_the_message_as_it_travelled(sent: World, box: Postbox) -> None:
    notice = Notice.objects.get(organisation=sent.port)
    response = sent.client(sent.reader).get(reverse("notices:message", args=[notice.pk]))
    assert response.content in box.accepted
    assert "attachment" in response["Content-Disposition"]


def test_it_does_not_show_members_what_was_not_sent(held: World) -> None:
    notice = Notice.objects.get(organisation=held.port)
    client = held.client(held.member)
    assert client.get(reverse("notices:notice", args=[notice.pk])).status_code == 404
    assert PORT not in body_of(client.get(reverse("notices:list")))


def test_it_finds_what_needs_a_person(held: World) -> None:
    body = body_of(held.client(held.handler).get(reverse("notices:list"), {"status": "trouble"}))
    assert "Port Authority" in body and "National Bank" in body
    body = body_of(held.client(held.handler).get(reverse("notices:list"), {"trouble": "marking"}))
    assert "Port Authority" in body and "National Bank" not in body


def test_it_shows_what_a_waiting_notice_would_say(told: World, see: See) -> None:
    see(line("198.51.100.1"))
    notice = Notice.objects.get()
    body = body_of(told.client(told.reader).get(reverse("notices:notice", args=[notice.pk])))
    assert "198.51.100.1:3389" in body and "Bonjour" in body
    assert Notice.objects.get().body == ""


def test_it_copes_with_a_notice_that_has_nothing_to_tell(told: World, see: See) -> None:
    see(line("198.51.100.1"))
    Finding.objects.update(status=Finding.Status.SOLVED)
    notice = Notice.objects.get()
    body = body_of(told.client(told.reader).get(reverse("notices:notice", args=[notice.pk])))
    assert "Nothing is left to tell" in body


def test_it_releases_what_a_person_answers_for(held: World, box: Postbox) -> None:
    notice = Notice.objects.get(organisation=held.port)
    url = reverse("notices:release", args=[notice.pk])
    client = held.client(held.handler)
    client.post(url, {"reason": "The source agreed."})
    assert Notice.objects.get(pk=notice.pk).status == Status.HELD, "nothing was ticked"
    client.post(url, {"reason": "The source agreed.", "source_agrees": "on"})
    actions.deliver(notice.pk)
    assert Notice.objects.get(pk=notice.pk).status == Status.SENT
    assert Record.objects.get(verb="notices.notice.released").detail["reason"] == "The source agreed."


def test_it_goes_on_as_soon_as_there_is_somebody_to_tell(held: World, box: Postbox) -> None:
    notice = Notice.objects.get(organisation=held.bank)
    url, client = reverse("notices:release", args=[notice.pk]), held.client(held.handler)
    page = body_of(client.get(reverse("notices:notice", args=[notice.pk])))
    assert reverse("registry:organisation", args=[held.bank.pk]) in page
    body = body_of(client.post(url, {"reason": "Now."}, follow=True))
    assert "still nobody to tell" in body
    contact(held.bank, BANK, "fr")
    response = client.post(url, {"reason": "Now."}, follow=True)
    assert response.status_code == 200
    again = Notice.objects.get(organisation=held.bank)
    assert (again.status, again.recipient) == (Status.WAITING, BANK)


def test_it_holds_and_sends_at_once_and_again(told: World, see: See, box: Postbox) -> None:
    see(line("198.51.100.1"))
    notice, client = Notice.objects.get(), told.client(told.handler)
    client.post(reverse("notices:hold", args=[notice.pk]), {"reason": "We call them first."})
    fresh = Notice.objects.get()
    assert (fresh.status, fresh.trouble, fresh.problem) == (
        Status.HELD,
        Trouble.BY_HAND,
        "We call them first.",
    )
    client.post(reverse("notices:release", args=[notice.pk]), {"reason": "Called."})
    client.post(reverse("notices:send_now", args=[notice.pk]))
    assert Notice.objects.get().send_after <= timezone.now()
    actions.deliver(notice.pk)
    response = client.post(reverse("notices:send_again", args=[notice.pk]), follow=True)
    assert response.status_code == 200
    again = Notice.objects.exclude(pk=notice.pk).get()
    actions.deliver(again.pk)
    assert len(box.accepted) == 2
    assert box.messages[0]["Message-ID"] != box.messages[1]["Message-ID"]
    verbs = set(Record.objects.filter(by_id=told.handler.pk).values_list("verb", flat=True))
    assert {"notices.notice.held", "notices.notice.released", "notices.notice.sent_again"} <= verbs


@pytest.mark.parametrize("action", ["hold", "release", "send_now", "send_again"])
@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("reader", 403),
        ("member", 403),
        ("other_member", 403),
        ("foreign_handler", 404),
        ("foreign_member", 403),
        ("", 302),
    ],
)
def test_it_lets_only_the_team_decide(told: World, see: See, action: str, who: str, status: int) -> None:
    see(line("198.51.100.1"))
    notice = Notice.objects.get()
    client = told.client(getattr(told, who)) if who else told.stranger
    response = client.post(reverse(f"notices:{action}", args=[notice.pk]), {"reason": "x", "plain": "on"})
    assert response.status_code == status
    assert Notice.objects.get().status == Status.WAITING
    assert client.get(reverse(f"notices:{action}", args=[notice.pk])).status_code in (302, 403, 405)


@pytest.mark.parametrize("who", ["reader", "member", "foreign_handler"])
def test_it_asks_for_the_right_in_the_action_itself(told: World, see: See, who: str) -> None:
    see(line("198.51.100.1"))
    notice, user = Notice.objects.get(), getattr(told, who)
    for act in (
        lambda: actions.hold(notice, by=user),
        lambda: actions.release(notice, by=user),
        lambda: actions.send_now(notice, by=user),
        lambda: actions.send_again(notice, by=user),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_it_refuses_decisions_that_come_too_late(sent: World) -> None:
    notice = Notice.objects.get(organisation=sent.port)
    for act in (
        lambda: actions.hold(notice, by=sent.handler),
        lambda: actions.release(notice, by=sent.handler),
        lambda: actions.send_now(notice, by=sent.handler),
        lambda: actions.release(notice, by=sent.handler, plain=True),
    ):
        with pytest.raises(AtalayaError):
            act()
    body = body_of(sent.client(sent.handler).post(reverse("notices:send_now", args=[notice.pk]), follow=True))
    assert "does not wait" in body


def test_it_does_not_send_again_while_another_one_is_open(told: World, see: See, box: Postbox) -> None:
    see(line("198.51.100.1"))
    notice = Notice.objects.get()
    actions.deliver(notice.pk)
    see(line("198.51.100.2"))
    with pytest.raises(AtalayaError, match="being gathered"):
        actions.send_again(notice, by=told.handler)


def test_it_shows_every_text_in_four_languages(told: World) -> None:
    client = told.client(told.member)
    assert body_of(client.get(reverse("notices:texts"))).count("/notices/texts/") > len(topics())
    body = body_of(client.get(reverse("notices:text", args=["rdp"])))
    for language, word in (
        ("en", "What to do"),
        ("es", "Qué hacer"),
        ("fr", "Que faire"),
        ("pt-br", "O que fazer"),
    ):
        assert f'lang="{language}"' in body and word in body
    assert body.index('<section class="card" lang="en"') < body.index('<section class="card" lang="es"')
    client.cookies["django_language"] = "es"
    body = body_of(client.get(reverse("notices:text", args=["rdp"])))
    assert body.index('<section class="card" lang="es"') < body.index('<section class="card" lang="en"')
    assert client.get(reverse("notices:text", args=["nonsense"])).status_code == 404


def test_it_gives_the_public_key_to_anybody(told: World, data: Any) -> None:
    url = reverse("notices:key", args=["tt"])
    assert told.stranger.get(url).status_code == 404
    actions.ensure_team_key("TT")
    response = told.stranger.get(url)
    assert response.status_code == 200
    assert response.content.decode() == keys.public_key("TT")
    assert "PRIVATE" not in response.content.decode()
    assert told.stranger.get(reverse("notices:key", args=["zz"])).status_code == 404


def test_it_links_findings_to_the_notices_that_speak_of_them(sent: World) -> None:
    finding = Finding.objects.get(address="192.0.2.1")
    notice = Notice.objects.get(organisation=sent.port)
    url = reverse("events:finding", args=[finding.pk])
    for user in (sent.handler, sent.member):
        assert reverse("notices:notice", args=[notice.pk]) in body_of(sent.client(user).get(url))


def token(user: User) -> dict[str, str]:
    made = people.create_token(user, by=user, name="test", scopes=["notices:read"])
    return {"Authorization": f"Bearer {next(part for part in made if isinstance(part, str))}"}


@pytest.mark.parametrize("who", EVERYBODY)
def test_it_answers_by_the_api_what_each_may_see(sent: World, who: str) -> None:
    headers = token(getattr(sent, who))
    answer = sent.stranger.get("/api/v1/notices", headers=headers).json()
    assert {one["recipient"] for one in answer["results"]} == expected(who)
    assert answer["count"] == len(expected(who))
    for notice in Notice.objects.all():
        response = sent.stranger.get(f"/api/v1/notices/{notice.pk}", headers=headers)
        assert response.status_code == (200 if notice.recipient in expected(who) else 404)


def test_it_answers_a_stranger_nothing_by_the_api(sent: World) -> None:
    notice = Notice.objects.first()
    assert notice is not None
    assert sent.stranger.get("/api/v1/notices").status_code == 401
    assert sent.stranger.get(f"/api/v1/notices/{notice.pk}").status_code == 401
