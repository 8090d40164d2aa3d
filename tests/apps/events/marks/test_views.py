"""Marking on pages: one, many, answers; and everybody who has no business there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from tests.apps.events.conftest import Take, data, line, owned, take
from tests.world import World

from atalaya.apps.events.marks import actions
from atalaya.apps.events.models import Finding, Mark

__all__ = ["data", "owned", "take"]


@pytest.fixture
def findings(owned: World, take: Take) -> list[Finding]:
    take([line(f"192.0.2.{n}") for n in range(1, 4)])
    return list(Finding.objects.order_by("address"))


def post(owned: World, who: str, findings: list[Finding], **values: str) -> int:
    form = {"finding": [str(one.pk) for one in findings], "kind": "solved", "reason": "Patched"} | values
    return owned.client(getattr(owned, who)).post("/events/findings/mark/", form).status_code


def test_it_lets_a_member_mark_what_is_ticked(owned: World, findings: list[Finding]) -> None:
    client = owned.client(owned.member)
    page = client.get("/events/findings/").content.decode()
    assert page.count('form="marking"') == 3
    asked = client.get("/events/findings/mark/", {"finding": [str(one.pk) for one in findings[:2]]})
    assert "2 findings" in asked.content.decode()
    assert post(owned, "member", findings[:2]) == 302
    assert Mark.objects.filter(kind="solved", by=owned.member).count() == 2
    shown = owned.client(owned.handler).get("/events/findings/", {"word": "new"}).content.decode()
    assert "192.0.2.1" in shown and "192.0.2.2" in shown and "192.0.2.3" not in shown


def test_it_shows_the_team_what_was_said_and_takes_its_answer(owned: World, findings: list[Finding]) -> None:
    given = actions.mark([findings[0].pk], by=owned.member, kind="wrong", reason="Belongs to the ferry")[0]
    address = f"/events/findings/{findings[0].pk}/"
    team = owned.client(owned.handler)
    assert "Belongs to the ferry" in team.get(address).content.decode()
    assert "Agree, and suppress it" in team.get(address).content.decode()
    assert "Agree, and suppress it" not in owned.client(owned.reader).get(address).content.decode()
    team.post(f"/events/marks/{given.pk}/answer/", {"agree": "yes", "words": "True"})
    assert Finding.objects.get(pk=findings[0].pk).status == "wrong"
    assert "True" in owned.client(owned.member).get(address).content.decode()


def test_it_says_why_a_word_cannot_be_taken(owned: World, findings: list[Finding]) -> None:
    client = owned.client(owned.member)
    form = {"finding": str(findings[0].pk), "kind": "accepted", "reason": "", "until": ""}
    assert "Give a reason" in client.post("/events/findings/mark/", form).content.decode()
    form["reason"] = "Old printer"
    assert "until when" in client.post("/events/findings/mark/", form).content.decode()
    form["until"] = (timezone.localdate() + timedelta(days=9)).isoformat()
    assert client.post("/events/findings/mark/", form).status_code == 302


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/", "people:me", "{{7*7}}"])
def test_it_does_not_lead_to_another_node(owned: World, findings: list[Finding], back: str) -> None:
    form = {"finding": str(findings[0].pk), "kind": "solved", "back": back}
    answer = owned.client(owned.member).post("/events/findings/mark/", form)
    assert answer["Location"] == f"/events/findings/{findings[0].pk}/"


@pytest.mark.parametrize(
    ("who", "status"),
    [("reader", 403), ("other_member", 404), ("foreign_member", 404), ("foreign_handler", 404)],
)
def test_it_keeps_others_out(owned: World, findings: list[Finding], who: str, status: int) -> None:
    given = actions.mark([findings[2].pk], by=owned.member, kind="wrong", reason="Not ours")[0]
    assert post(owned, who, findings[:1]) == status
    client = owned.client(getattr(owned, who))
    for act in ("answer", "back"):
        assert client.post(f"/events/marks/{given.pk}/{act}/", {"agree": "yes"}).status_code in (403, 404)
    assert owned.stranger.post("/events/findings/mark/", {}).status_code == 302
    assert Mark.objects.count() == 1


@pytest.mark.parametrize("key", ["x", "9" * 19, "--4", "-", "²", "٣"])
def test_it_knows_no_finding_with_such_a_key(owned: World, findings: list[Finding], key: str) -> None:
    assert owned.client(owned.member).get("/events/findings/mark/", {"finding": key}).status_code == 404
