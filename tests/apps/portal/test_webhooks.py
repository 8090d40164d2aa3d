"""Webhooks: what is told, once each, signed, tried again; and to whom nothing is told."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from tests.apps.portal.conftest import Take, line
from tests.wire.catcher import Catcher, catcher
from tests.world import World

from atalaya.apps.events.marks import actions as marks
from atalaya.apps.events.models import Finding
from atalaya.apps.jobs import worker
from atalaya.apps.portal import actions, outbound
from atalaya.apps.portal.models import Delivery, Webhook
from atalaya.apps.records.models import Record
from atalaya.core.errors import BadInput, NotAllowed
from atalaya.wire import webhook


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, data: Path) -> Iterator[Catcher]:
    """The owner's own server, in a network that the operator lets webhooks reach."""
    reachable = dataclasses.replace(settings.CONFIG.collection, private=["127.0.0.1"])
    settings.CONFIG = dataclasses.replace(settings.CONFIG, collection=reachable)
    with catcher(tmp_path) as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(running.certificate))
        yield running


@pytest.fixture
def hook(owned: World, findings: list[Finding], other: Catcher) -> Webhook:
    """A webhook of the port, which knows of its three findings."""
    made, _secret = actions.add_webhook(owned.port, by=owned.member, url=other.url)
    return made


def told(hook: Webhook) -> list[tuple[str, str]]:
    """Event and address of everything that is told now."""
    made = actions.tell(hook.pk)
    bodies = [json.loads(one.body) for one in made]
    return [(e["event"], e["finding"]["address"]) for body in bodies for e in body["events"]]


def test_it_tells_each_change_once(owned: World, hook: Webhook, take: Take, findings: list[Finding]) -> None:
    assert told(hook) == [], "what was open when it began is known"
    take([line("192.0.2.77"), line("198.51.100.10")])
    assert told(hook) == [("finding.opened", "192.0.2.77")]
    assert told(hook) == []
    marks.mark([findings[0].pk], by=owned.member, kind="solved", reason="Patched")
    assert told(hook) == [("finding.marked", "192.0.2.1")]
    Finding.objects.filter(pk=findings[0].pk).update(status="back")
    Finding.objects.filter(pk=findings[1].pk).update(status="gone")
    assert sorted(told(hook)) == [("finding.back", "192.0.2.1"), ("finding.gone", "192.0.2.2")]
    given = marks.mark([findings[2].pk], by=owned.member, kind="wrong", reason="Not ours")[0]
    marks.take_back(given, by=owned.member)
    assert told(hook) == [], "it is what it was"


def test_it_carries_the_owners_word(owned: World, hook: Webhook, findings: list[Finding]) -> None:
    marks.mark([findings[0].pk], by=owned.member, kind="wrong", reason="Belongs to the ferry")
    body = json.loads(actions.tell(hook.pk)[0].body)
    assert body["events"][0]["mark"]["reason"] == "Belongs to the ferry"
    assert body["organisation"]["name"] == "Port Authority"


def test_it_delivers_signed_by_background_work(
    owned: World, hook: Webhook, other: Catcher, take: Take
) -> None:
    take([line("192.0.2.77")])
    worker.run_all()
    headers, body = other.caught[0]
    stamp = int(headers[webhook.TIMESTAMP])
    assert headers[webhook.SIGNATURE] == webhook.sign(actions.secret_of(hook), stamp, body)
    assert json.loads(body)["events"][0]["event"] == "finding.opened"
    assert headers[webhook.DELIVERY] == json.loads(body)["delivery"]
    assert Delivery.objects.get().status == "done"


def test_it_tries_again_with_the_same_bytes_and_gives_up_in_the_end(hook: Webhook, other: Catcher) -> None:
    made = actions.try_webhook(hook, by=hook.created_by)  # type: ignore[arg-type]
    other.answers = [500]
    pauses = [actions.deliver(made.pk) for _n in range(actions.ATTEMPTS)]
    assert pauses == [*actions.PAUSES, None]
    assert actions.deliver(made.pk) is None
    assert len(other.caught) == actions.ATTEMPTS
    assert len({body for _headers, body in other.caught}) == 1
    made.refresh_from_db()
    assert (made.status, made.answer) == ("failed", "500 seen")


def test_it_does_not_try_again_what_may_not_be_reached(hook: Webhook, settings: Any, other: Catcher) -> None:
    reachable = dataclasses.replace(settings.CONFIG.collection, private=[])
    settings.CONFIG = dataclasses.replace(settings.CONFIG, collection=reachable)
    made = actions.try_webhook(hook, by=hook.created_by)  # type: ignore[arg-type]
    assert actions.deliver(made.pk) is None
    made.refresh_from_db()
    assert made.status == "failed" and "private address" in made.answer and not other.caught


def test_it_tells_nothing_that_its_marking_keeps_back(hook: Webhook, take: Take) -> None:
    take([line("192.0.2.77", tlp="RED"), line("192.0.2.78", tlp="GREEN")])
    kept, green = (Finding.objects.get(address=f"192.0.2.{n}") for n in (77, 78))
    assert outbound.cleared([kept, green]) == {green.pk}
    assert told(hook) == [("finding.opened", "192.0.2.78")]
    assert Record.objects.get(verb="portal.webhook.told").detail == {"told": 1, "withheld": 1}


def test_it_keeps_no_secret(owned: World, hook: Webhook, other: Catcher) -> None:
    secret = actions.secret_of(hook)
    renewed = actions.renew_secret(hook, by=owned.member)
    assert renewed != secret and len(renewed) > 40
    kept = json.dumps([*Webhook.objects.values(), *Record.objects.values("detail")], default=str)
    assert secret not in kept and renewed not in kept


def test_it_shows_the_secret_once(owned: World, findings: list[Finding], other: Catcher) -> None:
    member = owned.client(owned.member)
    form = {"organisation": str(owned.port.pk), "url": other.url}
    page = member.post("/portal/connections/", form).content.decode()
    hook = Webhook.objects.get()
    assert actions.secret_of(hook) in page
    assert actions.secret_of(hook) not in member.get("/portal/connections/").content.decode()
    assert actions.secret_of(hook) not in member.get(f"/portal/webhooks/{hook.pk}/").content.decode()
    assert (
        "https address" in member.post("/portal/connections/", {**form, "url": "http://x/"}).content.decode()
    )
    member.post(f"/portal/webhooks/{hook.pk}/try/")
    assert actions.deliver(Delivery.objects.get().pk) is None
    assert "200 seen" in member.get(f"/portal/webhooks/{hook.pk}/").content.decode()
    member.post(f"/portal/webhooks/{hook.pk}/remove/")
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("who", ["reader", "handler", "other_member", "foreign_member", "foreign_handler"])
def test_it_lets_nobody_else_near_a_webhook(owned: World, hook: Webhook, who: str) -> None:
    user = getattr(owned, who)
    with pytest.raises(NotAllowed):
        actions.add_webhook(owned.port, by=user, url="https://example.org/")
    for act in (actions.renew_secret, actions.remove_webhook, actions.try_webhook):
        with pytest.raises(NotAllowed):
            act(hook, by=user)  # type: ignore[operator]
    assert owned.client(user).get(f"/portal/webhooks/{hook.pk}/").status_code in (403, 404)


def test_it_keeps_a_handful_for_each_organisation(owned: World, hook: Webhook) -> None:
    for n in range(actions.MOST_HOOKS - 1):
        actions.add_webhook(owned.port, by=owned.member, url=f"https://example.org/{n}")
    with pytest.raises(BadInput, match="at most"):
        actions.add_webhook(owned.port, by=owned.member, url="https://example.org/more")


def test_it_forgets_old_deliveries(hook: Webhook) -> None:
    made = actions.try_webhook(hook, by=hook.created_by)  # type: ignore[arg-type]
    Delivery.objects.update(created_at=timezone.now() - actions.KEPT * 2, status="done")
    assert actions.forget_deliveries() == 1
    assert not Delivery.objects.filter(pk=made.pk).exists()
