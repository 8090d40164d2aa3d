"""The API of events."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from django.test import Client
from tests.apps.events.conftest import Take, jsonl, line
from tests.world import World

from atalaya.apps.events.models import Finding, Ingest
from atalaya.apps.people.actions import create_token
from atalaya.apps.people.models import User

EVENTS, FINDINGS = "/api/v1/events", "/api/v1/findings"


def token(user: User, *scopes: str) -> dict[str, str]:
    _, secret = create_token(user, by=user, name="test", scopes=scopes or ("events:read",), days=30)
    return {"Authorization": f"Bearer {secret}"}


def send(user: User, body: bytes, query: str = "", **headers: str) -> Any:
    auth = token(user, "events:write", "events:read")
    return Client().post(EVENTS + query, body, content_type="application/json", headers={**auth, **headers})


def get(user: User, url: str, **params: Any) -> Any:
    return Client().get(url, params, headers=token(user))


@pytest.fixture
def seen(owned: World, take: Take) -> World:
    take([line("192.0.2.7"), line("198.51.100.9"), line("203.0.113.77")])
    take([line("203.0.113.5")], state="BB")
    return owned


@pytest.mark.parametrize(
    "body",
    [
        jsonl([line("192.0.2.7"), line("192.0.2.8")]),
        json.dumps([line("192.0.2.7"), line("192.0.2.8")]).encode(),
        b"\n " + json.dumps([line("192.0.2.7"), line("192.0.2.8")], indent=2).encode(),
        gzip.compress(jsonl([line("192.0.2.7"), line("192.0.2.8")])),
        gzip.compress(json.dumps([line("192.0.2.7"), line("192.0.2.8")]).encode()),
    ],
    ids=["lines", "array", "pretty array", "packed lines", "packed array"],
)
def test_it_takes_events_in_and_says_what_became_of_them(owned: World, body: bytes) -> None:
    response = send(owned.handler, body)
    assert response.status_code == 200, response.content
    told = response.json()
    assert (told["status"], told["read"], told["kept"], told["new"]) == ("done", 2, 2, True)
    row = Ingest.objects.get(pk=told["id"])
    assert (row.state_id, row.channel, row.received_by) == ("TT", "api", owned.handler)
    assert get(owned.handler, told["url"]).json() == {**told, "new": False}
    again = send(owned.handler, body).json()
    assert (again["id"], again["new"]) == (told["id"], False)


def test_it_answers_at_once_to_a_large_body(owned: World) -> None:
    body = jsonl(line(f"192.0.{n // 250}.{n % 250}", port=n % 9000) for n in range(5002))
    response = send(owned.handler, body)
    assert response.status_code == 202
    assert response.json()["status"] == "waiting"


def test_it_takes_a_file_of_a_named_feed(owned: World) -> None:
    response = send(owned.handler, b"a,b\n1,2\n", "?feed=shadowserver-scan-rdp&name=x.csv")
    told = response.json()
    assert (told["status"], told["feed"], told["name"]) == ("failed", "shadowserver-scan-rdp", "x.csv")
    assert told["read"] == told["rejected"]


@pytest.mark.parametrize(
    ("body", "query"),
    [(b"", ""), (b"[1, 2", ""), (b"[[[[", ""), (b"x", "?feed=nonsense"), (b"[" * 100_000, "")],
)
def test_it_refuses_a_bad_body_as_a_problem(owned: World, body: bytes, query: str) -> None:
    response = send(owned.handler, body, query)
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["detail"] and response.json()["advice"]
    assert not Ingest.objects.exists()


def test_it_lets_only_staff_with_the_scope_add_events(owned: World) -> None:
    body = jsonl([line("192.0.2.7")])
    assert Client().post(EVENTS, body, content_type="application/json").status_code == 401
    only_read = Client().post(EVENTS, body, content_type="application/json", headers=token(owned.handler))
    assert only_read.status_code == 403
    for user in (owned.reader, owned.member, owned.foreign_member):
        assert (
            Client().post(EVENTS, body, content_type="application/json", headers=token(user)).status_code
            == 403
        )
    assert not Ingest.objects.exists()


def test_it_adds_events_to_the_state_of_the_sender(owned: World) -> None:
    send(owned.foreign_handler, jsonl([line("203.0.113.5")]))
    assert Ingest.objects.get().state_id == "BB"
    assert Finding.objects.get().organisation == owned.foreign_organisation


EXPECTED = {
    "handler": {"192.0.2.7", "198.51.100.9", "203.0.113.77"},
    "reader": {"192.0.2.7", "198.51.100.9", "203.0.113.77"},
    "member": {"192.0.2.7"},
    "other_member": {"198.51.100.9"},
    "foreign_handler": {"203.0.113.5"},
    "foreign_member": {"203.0.113.5"},
}


@pytest.mark.parametrize("who", EXPECTED)
def test_it_gives_each_their_own_alone(seen: World, who: str) -> None:
    user = getattr(seen, who)
    told = get(user, EVENTS).json()
    assert {event["source.ip"] for event in told["results"]} == EXPECTED[who]
    assert told["count"] == len(EXPECTED[who])
    lines = b"".join(get(user, EVENTS, format="intelmq").streaming_content).splitlines()
    assert {json.loads(one)["source.ip"] for one in lines} == EXPECTED[who]
    found = get(user, FINDINGS).json()
    assert {finding["address"] for finding in found["results"]} == EXPECTED[who] - {"203.0.113.77"}
    assert found["count"] == len(EXPECTED[who] - {"203.0.113.77"})


def test_it_asks_a_stranger_for_a_token(seen: World) -> None:
    file = Ingest.objects.first()
    for url in (EVENTS, FINDINGS, f"/api/v1/files/{file.pk}" if file else ""):
        assert Client().get(url).status_code == 401
        assert seen.client(seen.handler).get(url).status_code == 401


def test_it_hides_files_of_others(seen: World) -> None:
    file = Ingest.objects.get(state="TT")
    assert get(seen.handler, f"/api/v1/files/{file.pk}").status_code == 200
    for user in (seen.member, seen.foreign_handler, seen.foreign_member):
        assert get(user, f"/api/v1/files/{file.pk}").status_code == 404


def test_it_pages_through_everything_once(seen: World) -> None:
    found, cursor = [], ""
    for _ in range(5):
        page = get(seen.handler, EVENTS, limit=2, cursor=cursor).json()
        found += [event["source.ip"] for event in page["results"]]
        cursor = page["next"] or ""
        if not cursor:
            break
    assert sorted(found) == sorted(EXPECTED["handler"])


@pytest.mark.parametrize(
    "params",
    [{"address": "x"}, {"asn": "x"}, {"since": "x"}, {"cursor": "-1"}, {"organisation": "x"}, {"type": "x"}],
)
def test_it_names_a_bad_parameter(seen: World, params: dict[str, str]) -> None:
    response = get(seen.handler, EVENTS, **params)
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"
    assert next(iter(params)) in response.json()["detail"]


def test_it_filters_findings(seen: World) -> None:
    assert get(seen.handler, FINDINGS, organisation=str(seen.bank.pk)).json()["count"] == 1
    assert get(seen.handler, FINDINGS, status="gone").json()["count"] == 0
    assert get(seen.member, FINDINGS, organisation=str(seen.bank.pk)).json()["count"] == 0
