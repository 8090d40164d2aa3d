"""Marks by token: an owner's own system says what became of findings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from tests.apps.events.conftest import Take, data, line, owned, take
from tests.world import World

from atalaya.apps.events.marks import actions
from atalaya.apps.events.models import Finding, Mark
from atalaya.apps.people import actions as people
from atalaya.apps.people.models import User

__all__ = ["data", "owned", "take"]


@pytest.fixture
def finding(owned: World, take: Take) -> Finding:
    take([line("192.0.2.7")])
    return Finding.objects.get()


def client(user: User, *scopes: str) -> Client:
    wanted = scopes or tuple(right.value for right in user.rights)
    _, secret = people.create_token(user, by=user, name="ours", scopes=wanted)
    return Client(headers={"Authorization": f"Bearer {secret}"})


def post(user: User, *findings: str, scopes: tuple[str, ...] = (), **more: Any) -> Any:
    body = {"findings": list(findings), "kind": "solved", "reason": "Patched"} | more
    return client(user, *scopes).post("/api/v1/marks", body, content_type="application/json")


def test_it_marks_and_reads_marks(owned: World, finding: Finding) -> None:
    until = (timezone.localdate() + timedelta(days=5)).isoformat()
    answer = post(owned.member, str(finding.pk), kind="accepted", until=until)
    assert answer.status_code == 201
    assert answer.json()[0]["finding"] == str(finding.pk)
    listed = client(owned.member).get("/api/v1/marks", {"in_force": "true"}).json()
    assert (listed["count"], listed["results"][0]["until"], listed["next"]) == (1, until, None)
    row = client(owned.handler).get("/api/v1/findings").json()["results"][0]
    assert (row["word"], row["status"], row["said_solved_seen_again"]) == ("accepted", "accepted", 0)


def test_it_takes_a_mark_back(owned: World, finding: Finding) -> None:
    mark = post(owned.member, str(finding.pk)).json()[0]["id"]
    for who in ("other_member", "foreign_handler", "foreign_member"):
        assert client(getattr(owned, who)).delete(f"/api/v1/marks/{mark}").status_code in (403, 404)
    assert client(owned.member).delete(f"/api/v1/marks/{mark}").status_code == 204
    assert Finding.objects.get().status == "open"


@pytest.mark.parametrize(
    ("who", "scopes", "status"),
    [
        ("member", ("events:read",), 403),
        ("reader", (), 403),
        ("other_member", (), 422),
        ("foreign_member", (), 422),
        ("foreign_handler", (), 422),
    ],
)
def test_it_takes_no_mark_of_others(
    owned: World, finding: Finding, who: str, scopes: tuple[str, ...], status: int
) -> None:
    assert post(getattr(owned, who), str(finding.pk), scopes=scopes).status_code == status
    assert not Mark.objects.exists()


@pytest.mark.parametrize("who", ["other_member", "foreign_member", "foreign_handler"])
def test_it_shows_others_no_mark(owned: World, finding: Finding, who: str) -> None:
    actions.mark([finding.pk], by=owned.member, kind="wrong", reason="Not ours")
    assert client(getattr(owned, who)).get("/api/v1/marks").json()["count"] == 0


@pytest.mark.parametrize("key", ["x", "", "9" * 30, "٣"])
def test_it_refuses_what_is_no_finding(owned: World, finding: Finding, key: str) -> None:
    assert post(owned.member, key).status_code == 422


def test_it_says_what_is_missing(owned: World, finding: Finding) -> None:
    answer = post(owned.member, str(finding.pk), kind="wrong", reason="")
    assert answer.status_code == 422
    assert "reason" in answer.json()["detail"].lower()
