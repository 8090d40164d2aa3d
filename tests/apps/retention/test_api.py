"""The API of retention: the rules, what is held back, the runs and their proof; and who may ask for them."""

from __future__ import annotations

import hashlib
from typing import Any, get_args
from uuid import uuid4

import pytest
from django.test import Client
from tests.apps.retention.test_retention import applied, carry_out, history
from tests.site.test_api import api, read
from tests.world import World

from atalaya.apps.jobs.worker import run_all
from atalaya.apps.people.models import Role, User
from atalaya.apps.records.models import Record
from atalaya.apps.retention import actions
from atalaya.apps.retention.models import Hold, Policy, Rule, Run
from atalaya.apps.retention.shapes import RetentionRuleIn

__all__ = ["history"]

pytestmark = pytest.mark.django_db

HERE = "/api/v1/retention"
RULES, HOLDS, RUNS = f"{HERE}/rules", f"{HERE}/holds", f"{HERE}/runs"
RED = {"position": 1, "tlp": "red", "delete_after": 30}


def send(client: Client, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    return getattr(client, method)(path, body or {}, content_type="application/json")


def test_it_goes_the_whole_way_from_a_rule_to_its_proof(history: World) -> None:
    client = api(history.admin, "records:read", "node:manage")
    told = client.get(HERE).json()
    assert told == {
        "state": "TT", "active": False, "changed_at": None, "decided_at": None, "decided_by": "", "look": None, "looked": False,
    }  # fmt: skip
    made = send(client, "post", RULES, RED)
    assert made.status_code == 201 and made.json()["state"] == "TT" and made.json()["tlp"] == "red"
    refused = send(client, "post", f"{HERE}/apply")
    assert refused.status_code == 422 and refused.json()["detail"] == "Look first what these rules would do."
    look = send(client, "post", f"{HERE}/look")
    assert look.status_code == 202 and look.json()["dry"] and look.json()["status"] == "running"
    run_all()
    assert client.get(HERE).json()["looked"] and client.get(HERE).json()["look"] == look.json()["id"]
    seen = client.get(f"{RUNS}/{look.json()['id']}").json()
    assert (seen["status"], seen["deleted"], seen["files"], seen["copies"]["findings"]) == ("done", 1, 1, 1)
    on = send(client, "post", f"{HERE}/apply").json()
    assert on["active"] and on["decided_by"] == "Admin"
    run = carry_out()
    told = client.get(f"{RUNS}/{run.pk}").json()
    assert (told["sha256"], told["deleted"], told["rules"][0]["tlp"]) == (run.sha256, 1, "red")
    assert [(one["fate"], one["tlp"], one["count"]) for one in told["events"]] == [("delete", "red", 1)]
    proof = client.get(f"{RUNS}/{run.pk}/statement")
    assert proof["Content-Type"] == "application/json" and proof.json()["run"] == str(run.pk)
    assert hashlib.sha256(proof.content).hexdigest() == run.sha256
    assert Record.objects.get(verb="retention.run.done").detail["statement"] == run.sha256
    assert not send(client, "post", f"{HERE}/pause").json()["active"]


def test_it_gives_no_proof_of_a_run_that_only_looked_or_is_not_done(history: World) -> None:
    applied(history)
    run = actions.carry_out("TT")
    assert run.status == Run.Status.LEAVING
    client = api(history.lead)
    for one in (Run.objects.get(dry=True), run):
        assert client.get(f"{RUNS}/{one.pk}").status_code == 200
        assert client.get(f"{RUNS}/{one.pk}/statement").status_code == 404


def test_it_changes_and_removes_rules_as_the_page_does(history: World) -> None:
    client = api(history.admin)
    one = send(client, "post", RULES, RED).json()
    Policy.objects.update(active=True)
    path = f"{RULES}/{one['id']}"
    changed = send(client, "put", path, {**RED, "delete_after": None, "pseudonymise_after": 9}).json()
    assert (changed["delete_after"], changed["pseudonymise_after"], changed["id"]) == (None, 9, one["id"])
    assert not client.get(HERE).json()["active"], "changed rules pause"
    assert client.get(path).json() == changed
    assert send(client, "delete", path).status_code == 204 and client.get(path).status_code == 404
    suggested = send(client, "post", f"{RULES}/suggest")
    assert suggested.status_code == 201 and len(suggested.json()["results"]) == 4
    again = send(client, "post", f"{RULES}/suggest")
    assert again.status_code == 422 and again.json()["detail"] == "There are rules already."
    pages = [page["results"] for page in read(client, RULES, 3)]
    assert [one["position"] for page in pages for one in page] == [10, 20, 30, 40]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"delete_after": 0}, "body.delete_after"),
        ({"pseudonymise_after": 9, "delete_after": 9}, "body.delete_after"),
        ({"type": "nothing-known"}, "body.type"),
        ({"taxonomy": "x"}, "body.taxonomy"),
        ({"tlp": "purple"}, "body.body.tlp"),
        ({"position": -1}, "body.body.position"),
    ],
)
def test_it_names_what_does_not_fit_in_a_rule(history: World, body: dict[str, Any], place: str) -> None:
    answer = send(api(history.admin), "post", RULES, body)
    assert answer.status_code == 422 and answer["Content-Type"] == "application/problem+json"
    assert place in [one["place"] for one in answer.json()["errors"]] and not Rule.objects.exists()


def test_it_knows_every_choice_of_a_rule() -> None:
    fields = RetentionRuleIn.model_fields
    assert set(get_args(fields["tlp"].annotation)) == {"", *Rule.Marking.values}
    assert set(get_args(fields["owner"].annotation)) == {"", *Rule.Owner.values}


def test_it_holds_something_back_and_ends_that(history: World) -> None:
    client = api(history.admin)
    body = {"organisation": str(history.port.pk), "first_day": "2026-01-01", "reason": "Court order"}
    made = send(client, "post", HOLDS, body)
    assert made.status_code == 201, made.content
    told = made.json()
    assert (told["organisation_name"], told["made_by"], told["last_day"]) == ("Port Authority", "Admin", None)
    assert client.get(HOLDS).json()["results"] == [told]
    assert send(client, "delete", f"{HOLDS}/{told['id']}").status_code == 204
    assert client.get(HOLDS).json()["results"] == [] and Hold.objects.get().ended_by == history.admin
    assert send(client, "delete", f"{HOLDS}/{told['id']}").status_code == 404
    for wrong, place in (
        ({"reason": "x"}, "body"),
        ({"reason": "x", "sha256": "abc"}, "body.sha256"),
        ({"reason": "", "sha256": "a" * 64}, "body.reason"),
        ({"reason": "x", "organisation": str(history.foreign_organisation.pk)}, "body.organisation"),
    ):
        answer = send(client, "post", HOLDS, wrong)
        assert answer.status_code == 422 and place in [one["place"] for one in answer.json()["errors"]]


def test_it_lists_runs_page_by_page_and_by_filter(history: World) -> None:
    applied(history)
    run = carry_out()
    client = api(history.lead)
    pages = list(read(client, RUNS, 1))
    assert [page["results"][0]["dry"] for page in pages] == [False, True]
    assert [one["id"] for one in client.get(RUNS, {"dry": "no"}).json()["results"]] == [str(run.pk)]
    assert client.get(RUNS, {"status": "leaving"}).json()["count"] == 0
    assert client.get(RUNS, {"status": "x"}).status_code == 422


def ways(world: World) -> tuple[list[str], list[tuple[str, str]]]:
    """Every address that reads, and every one that changes, of things that are there."""
    applied(world)
    held = actions.hold(Hold(state=world.state, organisation=world.port, reason="Quetzal"), by=world.admin)
    run, rule = carry_out(), Rule.objects.earliest("position")
    reads = [HERE, RULES, HOLDS, RUNS, f"{RULES}/{rule.pk}", f"{RUNS}/{run.pk}", f"{RUNS}/{run.pk}/statement"]
    return reads, [
        ("post", f"{HERE}/look"), ("post", f"{HERE}/apply"), ("post", f"{HERE}/pause"), ("post", RULES), ("put", f"{RULES}/{rule.pk}"),
        ("delete", f"{RULES}/{rule.pk}"), ("post", f"{RULES}/suggest"), ("post", HOLDS), ("delete", f"{HOLDS}/{held.pk}"),
    ]  # fmt: skip


def told(client: Client, reads: list[str], writes: list[tuple[str, str]]) -> tuple[set[int], set[int]]:
    """The statuses of all answers: those of reads, and those of writes."""
    bodies = {RULES: RED, HOLDS: {"reason": "x", "sha256": "a" * 64}}
    sent = [send(client, method, path, bodies.get(path, RED)) for method, path in writes]
    return {client.get(path).status_code for path in reads}, {answer.status_code for answer in sent}


def rows() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (Rule, Policy, Hold, Run)]


def test_it_lets_nobody_read_or_change_what_the_page_would_not(history: World) -> None:
    reads, writes = ways(history)
    before = rows()
    assert told(Client(), reads, writes) == ({401}, {401})
    for user in (history.handler, history.reader, history.member, history.foreign_handler):
        assert told(api(user), reads, writes) == ({403}, {403}), user
    assert told(api(history.lead), reads, writes) == ({200}, {403}), "a lead reads, and changes nothing"
    assert told(api(history.admin, "records:read"), reads, writes) == ({200}, {403})
    assert told(api(history.admin, "node:manage"), reads, writes) == ({403}, {403})
    assert rows() == before


def test_it_shows_the_other_state_nothing(history: World) -> None:
    reads, writes = ways(history)
    before = rows()
    User.objects.filter(pk=history.foreign_handler.pk).update(role=Role.ADMINISTRATOR)
    other = api(User.objects.get(pk=history.foreign_handler.pk))
    assert other.get(HERE).json()["state"] == "BB" and not other.get(HERE).json()["active"]
    assert all(other.get(path).json()["results"] == [] for path in (RULES, HOLDS, RUNS))
    assert {other.get(path).status_code for path in reads[4:]} == {404}
    named = [(method, path) for method, path in writes if method != "post"]
    assert told(other, [HERE], named) == ({200}, {404})
    assert rows() == before
    assert other.get(f"{RUNS}/{uuid4()}").status_code == 404


def test_it_shows_nothing_to_an_administrator_without_a_team(history: World) -> None:
    reads, writes = ways(history)
    User.objects.filter(pk=history.member.pk).update(role=Role.ADMINISTRATOR)
    answer = api(User.objects.get(pk=history.member.pk)).get(HERE)
    assert answer.status_code == 403
    assert told(api(User.objects.get(pk=history.member.pk)), reads, writes) == ({403}, {403})
