"""The API of reference files: who may see, load and remove them."""

from __future__ import annotations

import typing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from tests.apps.events.conftest import data, owned, take
from tests.apps.reference.test_reference import DELEGATED, load
from tests.site.test_api import api, read
from tests.world import World

from atalaya.apps.jobs.models import Job
from atalaya.apps.records.models import Record
from atalaya.apps.reference import actions
from atalaya.apps.reference.api import Kind
from atalaya.apps.reference.models import ReferenceFile
from atalaya.core import limits

__all__ = ["data", "owned", "take"]

FILES = "/api/v1/reference"


def send(client: Client, body: bytes, query: str = "?kind=delegated&name=delegated-lacnic") -> Any:
    return client.post(FILES + query, body, content_type="application/octet-stream")


def test_it_loads_a_file_tells_how_it_stands_and_removes_it(owned: World) -> None:
    client = api(owned.admin, "node:manage")
    answer = send(client, DELEGATED.encode())
    assert answer.status_code == 202, answer.content
    row = ReferenceFile.objects.get()
    told = answer.json()
    assert (told["status"], told["name"], told["loaded_by"]) == ("waiting", "delegated-lacnic", "Admin")
    assert told["url"] == f"{FILES}/{row.pk}" and told["size"] == len(DELEGATED)
    assert Job.objects.filter(name="reference.compile").exists()
    actions.compile_file(row.pk)
    told = client.get(told["url"]).json()
    assert (told["status"], told["part"], told["rows"], told["released"]) == (
        "ready",
        "lacnic",
        1,
        "2026-03-01",
    )
    assert client.delete(told["url"]).status_code == 204 and not ReferenceFile.objects.exists()
    assert client.delete(told["url"]).status_code == 404
    verbs = ["reference.file.loaded", "reference.file.removed"]
    for verb in verbs:
        assert Record.objects.get(verb=verb, target_id=str(row.pk)).detail["sha256"] == row.sha256


def test_it_says_what_is_wrong_with_a_broken_file(owned: World) -> None:
    kept = load(DELEGATED, "delegated")
    client = api(owned.admin)
    told = send(client, b"nothing").json()
    actions.compile_file(told["id"])
    told = client.get(told["url"]).json()
    assert told["status"] == "failed" and "Line 1" in told["message"]
    assert client.get(f"{FILES}/{kept.pk}").json()["status"] == "ready"


def test_it_lists_page_by_page_and_by_filter(owned: World) -> None:
    for kind in ("delegated", "reverse", "kev"):
        load("x", kind)
    client = api(owned.admin)
    pages = list(read(client, FILES, 2))
    assert [page["count"] for page in pages] == [3, None]
    assert [one["kind"] for page in pages for one in page["results"]] == ["kev", "reverse", "delegated"]
    assert [one["kind"] for one in client.get(FILES, {"kind": "kev"}).json()["results"]] == ["kev"]
    assert client.get(FILES, {"status": "ready"}).json()["count"] == 0
    assert client.get(FILES, {"kind": "kevs"}).status_code == 422


@pytest.mark.parametrize(
    ("body", "query", "status", "said"),
    [
        (b"", "?kind=kev", 422, "The body is empty."),
        (b"x", "", 422, "query.kind"),
        (b"x", "?kind=x", 422, "query.kind"),
        (b"x" * 11, "?kind=kev", 413, "larger than 10 bytes"),
    ],
)
def test_it_refuses_what_is_no_file(
    owned: World, monkeypatch: pytest.MonkeyPatch, data: Path, body: bytes, query: str, status: int, said: str
) -> None:
    monkeypatch.setattr(limits, "REFERENCE_FILE_BYTES", 10)
    answer = send(api(owned.admin), body, query)
    assert answer.status_code == status and answer["Content-Type"] == "application/problem+json"
    assert said in answer.json()["detail"] and not ReferenceFile.objects.exists()
    assert list((data / "reference").glob("*")) == []


def test_only_who_manages_the_node_may_ask(owned: World) -> None:
    row = load(DELEGATED, "delegated")
    one = f"{FILES}/{row.pk}"
    others = [user for user in owned.people if user != owned.admin]
    assert {owned.reader, owned.member, owned.foreign_handler} <= set(others)
    for client in (*(api(user) for user in others), api(owned.admin, "records:read", "events:write")):
        answers = [client.get(FILES), client.get(one), client.delete(one), send(client, b"x")]
        assert [answer.status_code for answer in answers] == [403] * 4
    stranger = Client()
    answers = [stranger.get(FILES), stranger.get(one), stranger.delete(one), send(stranger, b"x")]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert api(owned.admin).get(f"{FILES}/{uuid4()}").status_code == 404
    assert ReferenceFile.objects.count() == 1


def test_it_knows_every_kind() -> None:
    assert set(typing.get_args(Kind)) == set(ReferenceFile.Kind.values)
