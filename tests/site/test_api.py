"""What holds for the whole API: its document, its page, its errors, its limits and its pages of rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from ninja import Schema
from tests.apps.events.conftest import jsonl, line
from tests.world import World

from atalaya.apps.events import actions as events
from atalaya.apps.events.models import Finding
from atalaya.apps.people.actions import create_token
from atalaya.apps.people.models import User
from atalaya.apps.registry.models import Network, Organisation
from atalaya.site.api_document import operations
from atalaya.site.api_pages import document, groups, paragraphs

pytest.importorskip("jsonschema_rs")

import jsonschema_rs


def api(user: User | None, *scopes: str) -> Client:
    if user is None:
        return Client()
    _, secret = create_token(user, by=user, name="test", scopes=scopes or sorted(user.rights))
    return Client(headers={"Authorization": f"Bearer {secret}"})


@pytest.fixture
def node(world: World, tmp_path: Any, settings: Any) -> World:
    own = dataclasses.replace(settings.CONFIG.node, state="TT")
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data=tmp_path, node=own)
    Network.objects.create(organisation=world.port, kind="prefix", value="192.0.2.0/24")
    take([line(f"192.0.2.{n}", days_ago=n % 3 + 1) for n in range(1, 10)])
    return world


def take(lines: list[dict[str, Any]]) -> None:
    row, _ = events.receive(jsonl(lines), by=None, state="TT", name="events.jsonl", channel="command")
    events.process(row.pk)


# -- the document ----------------------------------------------------------------------------------------------------


def test_it_describes_every_operation() -> None:
    names = []
    for path, method, operation in operations(document()):
        where = f"{method} {path}"
        assert operation["summary"] and len(operation["description"]) > 20, where
        assert "scopes" not in operation and list(operation["security"][0]) == ["TokenAuth"], where
        assert {"401", "403", "422", "429"} <= operation["responses"].keys(), where
        assert ("404" in operation["responses"]) == ("{" in path or "requestBody" in operation), where
        assert all(parameter.get("description") for parameter in operation["parameters"]), where
        names.append(operation["operationId"])
    assert len(names) == len(set(names)) > 30


def test_it_gives_examples_that_fit_their_schemas() -> None:
    whole = document()
    for path, method, operation in operations(whole):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for media in (one for body in bodies for one in body.get("content", {}).values()):
            schema = {**media["schema"], "components": whole["components"]}
            assert jsonschema_rs.is_valid(schema, media["example"]), f"{method} {path}: {media['example']}"


def test_it_wants_a_scope_of_every_operation_but_one() -> None:
    free = [path for path, _, one in operations(document()) if not one["security"][0]["TokenAuth"]]
    assert free == ["/api/v1/token"]


def test_it_shows_the_reference_to_whoever_is_signed_in(world: World) -> None:
    for user in (world.admin, world.member):
        page = world.client(user).get("/api/v1/docs")
        assert page.status_code == 200 and b"list_findings" in page.content
    assert "/account/login/" in Client().get("/api/v1/docs")["Location"]
    assert Client().get("/api/v1/openapi.json").status_code == 401
    assert world.client(world.member).get("/api/v1/openapi.json").json()["openapi"] == "3.1.0"
    assert sum(len(group["operations"]) for group in groups()) == len(list(operations(document())))


def test_it_escapes_what_a_docstring_says() -> None:
    assert paragraphs("a <b> `c<d` **e**\n\nf") == "<p>a &lt;b&gt; <code>c&lt;d</code> <b>e</b></p><p>f</p>"


# -- errors ----------------------------------------------------------------------------------------------------------


ERRORS: list[tuple[str, str, dict[str, Any], int]] = [
    ("get", "/api/v1/nothing", {}, 404),
    ("get", "/api/nothing", {}, 404),
    ("put", "/api/v1/events", {}, 405),
    ("delete", "/api/v1/docs", {}, 405),
    ("get", "/api/v1/organisations/00000000-0000-4000-8000-000000000000", {}, 404),
    ("get", "/api/v1/findings/99999999999999999999", {}, 404),
    ("get", "/api/v1/findings?limit=0", {}, 422),
    ("get", "/api/v1/findings?cursor=x", {}, 422),
    ("get", "/api/v1/findings?seen_since=0001-01-01T00:00:00%2B14:00", {}, 422),
    ("get", "/api/v1/findings?feed=a%00b", {}, 422),
    ("get", "/api/v1/events?until=9999-12-31", {}, 422),
    ("get", "/api/v1/organisations?sector=atomic", {}, 422),
    ("get", "/api/v1/owners", {}, 422),
    ("post", "/api/v1/organisations", {"data": b"{", "content_type": "application/json"}, 400),
    ("post", "/api/v1/organisations", {"data": b"\xff\xfe", "content_type": "application/json"}, 400),
    ("post", "/api/v1/organisations", {"data": b'{"name": "a\\u0000"}', "content_type": "application/json"}, 400),
    ("post", "/api/v1/organisations", {"data": b'{"name":' + b"[" * 50_000, "content_type": "application/json"}, 400),
    ("post", "/api/v1/organisations", {"data": b"[1]", "content_type": "application/json"}, 422),
    ("post", "/api/v1/organisations", {"data": b'{"name": "X", "state": "BB"}', "content_type": "application/json"}, 422),
    ("post", "/api/v1/organisations", {"data": b'"' + b"x" * 3_000_000 + b'"', "content_type": "application/json"}, 413),
    ("post", "/api/v1/events", {"data": b"", "content_type": "application/json"}, 422),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "options", "status"), ERRORS)
def test_it_tells_every_error_as_a_problem(
    node: World, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    response = getattr(api(node.admin), method)(path, **options)
    assert response.status_code == status, response.content[:500]
    assert response["Content-Type"] == "application/problem+json"
    told = response.json()
    assert (told["status"], told["request_id"]) == (status, response["X-Request-ID"])
    assert told["title"] and (told.get("detail") or status == 403)
    if status == 405:
        assert response["Allow"]


def test_it_says_which_fields_of_a_row_do_not_fit(node: World) -> None:
    body = {"organisation": str(node.port.pk), "name": "Desk", "language": "xx", "timezone": "Mars"}
    told = api(node.handler).post("/api/v1/contacts", body, content_type="application/json").json()
    assert {one["place"] for one in told["errors"]} == {"body.language", "body.timezone", "body.email"}


@pytest.mark.parametrize(("given", "kept"), [("job-17.retry_2", True), ("a b", False), ("x" * 80, False)])
def test_it_names_each_request(world: World, given: str, kept: bool) -> None:
    client = api(world.reader)
    name = client.get("/api/v1/token", headers={"X-Request-ID": given})["X-Request-ID"]
    assert (name == given) is kept and len(name) >= 8
    assert client.get("/api/v1/token")["X-Request-ID"] != name


def test_it_leaves_pages_for_people_as_they_are(world: World) -> None:
    page = world.client(world.reader).get("/nothing")
    assert page.status_code == 404 and page["Content-Type"].startswith("text/html")


def test_it_tells_a_token_that_asks_too_often_to_wait(world: World, settings: Any) -> None:
    web = dataclasses.replace(settings.CONFIG.web, api_requests=3)
    settings.CONFIG = dataclasses.replace(settings.CONFIG, web=web)
    client, other = api(world.reader), api(world.reader)
    answers = [client.get("/api/v1/token") for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 20
    assert answers[-1]["Content-Type"] == "application/problem+json"
    assert other.get("/api/v1/token").status_code == 200


# -- scopes ----------------------------------------------------------------------------------------------------------


def test_it_lets_a_token_do_only_what_it_was_made_for(node: World) -> None:
    narrow = api(node.admin, "events:read")
    for path in (
        "organisations",
        "contacts",
        "networks",
        "owners?of=AS1",
        "notices",
        "node",
        "jobs",
        "records",
    ):
        assert narrow.get(f"/api/v1/{path}").status_code == 403, path
    assert narrow.post("/api/v1/events", b"{}", content_type="application/json").status_code == 403
    for path in ("events", "findings", "files", "feeds", "token"):
        assert narrow.get(f"/api/v1/{path}").status_code == 200, path


def test_it_loses_what_its_owner_loses(node: World) -> None:
    client = api(node.lead)
    assert client.get("/api/v1/records").status_code == 200
    User.objects.filter(pk=node.lead.pk).update(role="reader")
    assert client.get("/api/v1/records").status_code == 403
    assert "records:read" not in client.get("/api/v1/token").json()["scopes"]


def test_it_lets_no_other_state_change_the_registry(node: World) -> None:
    other, network = api(node.foreign_handler), Network.objects.get()
    for path in (f"organisations/{node.port.pk}", f"networks/{network.pk}"):
        assert other.delete(f"/api/v1/{path}").status_code == 404
        assert other.patch(f"/api/v1/{path}", {}, content_type="application/json").status_code == 404
    body = {"organisation": str(node.port.pk), "value": "203.0.113.0/24"}
    assert other.post("/api/v1/networks", body, content_type="application/json").status_code == 422
    member = api(node.member)
    assert (
        member.patch(f"/api/v1/organisations/{node.port.pk}", {}, content_type="application/json").status_code
        == 403
    )
    assert Organisation.objects.get(pk=node.port.pk).name == "Port Authority"


# -- pages of rows ---------------------------------------------------------------------------------------------------


def read(client: Client, path: str, limit: int, **filters: Any) -> Iterator[dict[str, Any]]:
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(path, {**filters, "limit": limit, "cursor": cursor}).json()
        yield page
        cursor = page["next"]


@pytest.mark.parametrize("order", ["newest", "oldest", "address"])
@pytest.mark.parametrize("limit", [1, 2, 4, 9, 10])
def test_it_gives_every_event_once_in_any_order(node: World, order: str, limit: int) -> None:
    client = api(node.handler)
    pages = list(read(client, "/api/v1/events", limit, order=order))
    found = [event["source.ip"] for page in pages for event in page["results"]]
    whole = client.get("/api/v1/events", {"order": order, "limit": 1000}).json()["results"]
    assert found == [event["source.ip"] for event in whole] and len(found) == 9
    assert [page["count"] for page in pages] == [9] + [None] * (len(pages) - 1)


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_it_moves_nothing_when_events_come_in_between(node: World, order: str) -> None:
    client = api(node.handler)
    before = [e["source.ip"] for e in client.get("/api/v1/events", {"order": order}).json()["results"]]
    found: list[str] = []
    for number, page in enumerate(read(client, "/api/v1/events", 2, order=order)):
        found += [event["source.ip"] for event in page["results"]]
        # Same moments, other rows, before and after the place that the cursor names.
        take([line(f"192.0.2.{100 + 10 * number + n}", days_ago=n + 1) for n in range(3)])
    assert [ip for ip in found if ip in before] == before
    assert len(found) == len(set(found))


def test_it_moves_nothing_when_findings_come_in_between(node: World) -> None:
    client = api(node.handler)
    before = {str(key) for key in Finding.objects.values_list("pk", flat=True)}
    for order in ("newest", "number"):
        found = []
        for number, page in enumerate(read(client, "/api/v1/findings", 2, order=order)):
            found += [one["id"] for one in page["results"]]
            if number < 5:
                take([line(f"192.0.2.{50 + number}", days_ago=0, port=1000 + len(order))])
        assert before <= set(found) and len(found) == len(set(found))


def test_it_takes_a_cursor_for_the_question_it_was_given_to(node: World) -> None:
    client = api(node.handler)
    cursor = client.get("/api/v1/findings", {"limit": 2}).json()["next"]
    assert client.get("/api/v1/findings", {"limit": 5, "cursor": cursor}).status_code == 200
    for path, params in (("findings", {"type": "scanner"}), ("events", {}), ("files", {})):
        answer = client.get(f"/api/v1/{path}", {**params, "cursor": cursor})
        assert answer.status_code == 422 and "cursor" in answer.json()["detail"]


def test_it_gives_one_event_with_its_place(node: World) -> None:
    client = api(node.member)
    event = client.get("/api/v1/events").json()["results"][0]
    path = f"/api/v1/events/{event['raw.file']}/{event['raw.row']}"
    assert client.get(path).json() == event
    assert api(node.other_member).get(path).status_code == 404


def test_it_lists_files_their_rejects_and_feeds(node: World) -> None:
    take([{**line("192.0.2.7"), "time.source": "never"}, line("192.0.2.200")])
    client = api(node.handler)
    files = client.get("/api/v1/files", {"limit": 1}).json()
    assert (files["count"], files["results"][0]["rejected"]) == (2, 1)
    rejects = client.get(f"{files['results'][0]['url']}/rejects").json()["results"]
    assert [(one["row"], one["field"]) for one in rejects] == [(1, "time.source")]
    feeds = {one["code"]: one for one in client.get("/api/v1/feeds").json()["results"]}
    assert feeds["intelmq-json"]["rows"] == 10 and feeds["intelmq-json"]["last"]
    assert api(node.member).get("/api/v1/files").json()["results"] == []


def test_it_gives_each_shape_a_name_of_its_own() -> None:
    """Of two shapes with one name the document would describe the last one alone."""
    found: dict[str, set[str]] = {}
    left: list[type[Schema]] = [Schema]
    for shape in left:
        left += shape.__subclasses__()
        if shape.__module__.startswith("atalaya.") and "[" not in shape.__name__:
            found.setdefault(shape.__name__, set()).add(shape.__module__)
    assert len(found) > 20 and {name: places for name, places in found.items() if len(places) > 1} == {}
