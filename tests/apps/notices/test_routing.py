"""Notices about findings that a rule decided on: who is told instead, when, and what waits for a look."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from tests.apps.notices.conftest import (
    Postbox,
    See,
    box,
    configure,
    contact,
    data,
    line,
    owned,
    see,
    take,
    told,
)
from tests.world import World

from atalaya.apps.events.models import Rule
from atalaya.apps.events.rules import actions as rules
from atalaya.apps.notices import actions
from atalaya.apps.notices.models import Notice, Trouble

__all__ = ["box", "data", "owned", "see", "take", "told"]

Status = Notice.Status
BANK = "198.51.100.9"


def rule(world: World, **said: Any) -> Rule:
    values = {
        "code": "way",
        "name": "Way",
        "line": "port:3389",
        "reason": "The regulator asked for it.",
    } | said
    return rules.save_rule(Rule(state=world.state, **values), by=world.lead)


def test_it_tells_another_organisation_instead_and_says_why(told: World, see: See, box: Postbox) -> None:
    rule(told, tell=told.port)
    assert see(line(BANK), line(BANK, port=23), line("192.0.2.1", port=23)) == 3
    notice = Notice.objects.get(rule="way")
    assert (notice.organisation, notice.recipient, notice.language) == (told.bank, "noc@port.example", "es")
    assert "The regulator asked for it." in notice.why
    plain = Notice.objects.get(organisation=told.bank, rule="")
    assert plain.recipient == "security@bank.example" and "regulator" not in plain.why
    sent = actions.deliver(notice.pk)
    assert sent.status == Status.SENT and "The regulator asked for it." in " ".join(sent.body.split())
    assert "regulator" not in actions.deliver(Notice.objects.get(organisation=told.port).pk).body
    page = reverse("notices:notice", args=[sent.pk])
    link = reverse("events:rule", args=[Rule.objects.get().pk])
    assert link in told.client(told.reader).get(page).content.decode()
    owners = told.client(told.other_member).get(page).content.decode()
    assert "198.51.100.9" in owners and link not in owners
    assert told.client(told.member).get(page).status_code == 404, "told instead of the owner, in a mail alone"


def test_it_lets_the_marking_decide_whether_another_may_have_it(told: World, see: See, box: Postbox) -> None:
    rule(told, tell=told.port)
    see(line(BANK, tlp="amber+strict"))
    held = actions.deliver(Notice.objects.get().pk)
    assert (held.status, held.trouble) == (Status.HELD, Trouble.MARKING)
    assert "client" in held.problem


def test_it_tells_another_role_or_nobody(told: World, see: See) -> None:
    rule(told, role="management")
    see(line(BANK))
    orphan = Notice.objects.get()
    assert (orphan.status, orphan.trouble, orphan.contact) == (Status.HELD, Trouble.NO_CONTACT, None)
    contact(told.bank, "chief@bank.example", "en", role="management")
    assert actions.recheck() == 1
    notice = Notice.objects.get()
    assert (notice.recipient, notice.rule, notice.status) == ("chief@bank.example", "way", Status.WAITING)
    assert notice.items.count() == 1


def test_it_holds_for_a_look_and_goes_on_when_released(told: World, see: See) -> None:
    rule(told, hold=True)
    see(line(BANK))
    see(line(BANK.replace(".9", ".10")))
    held = Notice.objects.get()
    assert (held.status, held.trouble, held.problem) == (
        Status.HELD,
        Trouble.BY_RULE,
        "The regulator asked for it.",
    )
    assert held.items.count() == 2 and "regulator" not in held.why
    assert actions.recheck() == 0
    freed = actions.release(held, by=told.handler, reason="Looked at it.")
    assert freed.status == Status.WAITING and freed.send_after <= timezone.now()


def test_it_tells_at_once(told: World, see: See, settings: Any) -> None:
    configure(settings, notices={"digest_hour": (timezone.now().hour + 6) % 24}, node={"timezone": "UTC"})
    rule(told, at_once=True)
    see(line(BANK), line(BANK, port=23))
    assert Notice.objects.get(rule="way").send_after <= timezone.now()
    assert Notice.objects.get(rule="").send_after > timezone.now()


@pytest.mark.parametrize("how", ["off", "removed", "over", "plain"])
def test_it_goes_the_usual_way_when_the_rule_does_not_route_any_more(
    told: World, see: See, take: Any, how: str
) -> None:
    kept = rule(told, tell=told.port) if how != "plain" else rule(told, severity="critical")
    ingest = take([line(BANK)])
    if how == "off":
        rules.switch(kept, by=told.lead, on=False)
    elif how == "removed":
        rules.remove_rule(kept, by=told.lead)
    elif how == "over":
        Rule.objects.update(until=timezone.now().date() - timedelta(days=1))
    actions.collect(ingest.pk)
    assert (Notice.objects.get().recipient, Notice.objects.get().rule) == ("security@bank.example", "")


def test_it_sends_a_held_one_again_without_holding_it(told: World, see: See, box: Postbox) -> None:
    rule(told, hold=True)
    see(line(BANK))
    actions.release(Notice.objects.get(), by=told.handler, reason="Looked at it.")
    sent = actions.deliver(Notice.objects.get().pk)
    assert sent.status == Status.SENT
    again = actions.send_again(sent, by=told.handler)
    assert (again.status, again.rule, again.trouble) == (Status.WAITING, "way", Trouble.NONE)
