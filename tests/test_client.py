"""The API's client against a real server on the test database."""

from __future__ import annotations

import dataclasses
import gc
import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.apps.events.conftest import jsonl, line
from tests.apps.reference.test_reference import KEV
from tests.world import World, build

from atalaya.apps.people import rates
from atalaya.apps.people.actions import create_token
from atalaya.apps.people.models import User
from atalaya.apps.reference import actions as reference
from atalaya.apps.reference.models import ReferenceFile
from atalaya.apps.registry.models import Network, Organisation
from atalaya.client import Client, Refused, Unreachable


@pytest.fixture
def world(transactional_db: None, tmp_path: Path, settings: Any) -> World:
    """The shared world, written for good so that the server sees it; the port owns a network."""
    own = dataclasses.replace(settings.CONFIG.node, state="TT")
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data=tmp_path, node=own)
    world = build()
    Network.objects.create(organisation=world.port, kind="prefix", value="192.0.2.0/24")
    return world


@pytest.fixture
def server(world: World) -> Iterator[str]:
    """Address of a node that answers from the test database."""
    from django.core.wsgi import get_wsgi_application
    from django.db import connections
    from waitress.server import create_server

    application: Any = get_wsgi_application()

    def answer(environ: dict[str, Any], start: Any) -> Any:
        try:
            yield from application(environ, start)
        finally:
            connections.close_all()

    listening: Any = create_server(answer, host="127.0.0.1", port=0, threads=2)  # type: ignore[no-untyped-call]
    thread = threading.Thread(target=listening.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.effective_port}"
    listening.task_dispatcher.shutdown()
    listening.close()
    thread.join(timeout=5)
    gc.collect()


def client_of(server: str, user: User, **options: Any) -> Client:
    _, secret = create_token(user, by=user, name="client", scopes=sorted(user.rights))
    return Client(server, secret, **options)


def test_it_sends_events_and_reads_them_back_page_by_page(server: str, world: World) -> None:
    node = client_of(server, world.handler)
    told = node.send_events([line(f"192.0.2.{n}") for n in range(1, 8)])
    assert (told["status"], told["kept"], told["new"]) == ("done", 7, True)
    assert len(list(node.events(limit=2, address="192.0.2.0/24"))) == 7
    numbers = [finding["id"] for finding in node.findings(limit=3, status="open")]
    assert len(numbers) == len(set(numbers)) == 7
    assert [one["name"] for one in node.organisations(limit=1)] == ["National Bank", "Port Authority"]
    assert node.owners("192.0.2.9")[0]["organisation_name"] == "Port Authority"
    assert next(node.files())["id"] == told["id"]


def test_it_sends_a_file_plain_or_packed_and_tells_what_was_refused(
    server: str, world: World, tmp_path: Path
) -> None:
    node = client_of(server, world.handler)
    body = jsonl([line("192.0.2.7"), {**line("192.0.2.9"), "time.source": "never"}])
    plain, packed = tmp_path / "own.jsonl", tmp_path / "own.jsonl.gz"
    plain.write_bytes(body)
    packed.write_bytes(gzip.compress(jsonl([line("192.0.2.8")])))
    told = node.send_file(plain)
    assert (told["kept"], told["rejected"]) == (1, 1)
    assert [row["field"] for row in node.rejects(told["id"])] == ["time.source"]
    assert node.send_file(packed)["kept"] == 1
    assert node.send_file(plain)["new"] is False


def test_it_gives_nobody_what_is_not_theirs(server: str, world: World) -> None:
    client_of(server, world.handler).send_events([line("192.0.2.7")])
    assert len(list(client_of(server, world.member).findings())) == 1
    for user in (world.other_member, world.foreign_handler, world.foreign_member):
        assert list(client_of(server, user).findings()) == list(client_of(server, user).events()) == []


def test_it_changes_the_registry(server: str, world: World) -> None:
    node = client_of(server, world.handler)
    made = node.post("organisations", {"name": "Water Board", "sector": "water"})
    net = node.post("networks", {"organisation": made["id"], "value": "198.51.100.0/24"})
    assert (net["kind"], node.owners("198.51.100.1")[0]["organisation"]) == ("prefix", made["id"])
    assert node.patch(f"organisations/{made['id']}", {"critical": True})["critical"] is True
    node.delete(f"networks/{net['id']}")
    node.delete(f"organisations/{made['id']}")
    assert not Organisation.objects.filter(name="Water Board").exists()


def compile_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile reference files before the answer, in place of the worker that a test has not."""
    load = reference.load

    def loaded(*args: Any, **options: Any) -> ReferenceFile | None:
        return reference.compile_file(load(*args, **options).pk)

    monkeypatch.setattr(reference, "load", loaded)


def test_it_loads_a_reference_file_and_waits_for_it(
    server: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    node = client_of(server, world.admin, sleep=pauses.append)
    path = tmp_path / "kev.json"
    path.write_text(json.dumps(KEV))
    assert node.load_reference(path, "kev", wait=2)["status"] == "waiting" and pauses == [1.0, 1.0]
    compile_at_once(monkeypatch)
    told = node.load_reference(path, "kev")
    assert (told["status"], told["rows"], told["name"]) == ("ready", 2, "kev.json")
    assert [one["status"] for one in node.reference_files()] == ["ready", "waiting"]
    assert list(node.retention_runs()) == []
    for user in (world.reader, world.member, world.foreign_handler):
        with pytest.raises(Refused, match="403"):
            client_of(server, user).load_reference(path, "kev")


def test_it_raises_the_nodes_own_words(server: str, world: World) -> None:
    node = client_of(server, world.handler)
    with pytest.raises(Refused, match="no such organisation") as refused:
        node.get("organisations/00000000-0000-4000-8000-000000000000")
    assert refused.value.status == 404 and refused.value.request_id
    with pytest.raises(Refused) as refused:
        node.post("organisations", {"name": "X", "sector": "atomic", "website": "nonsense"})
    assert refused.value.status == 422
    assert {one["place"] for one in refused.value.errors} >= {"body.sector"}
    with pytest.raises(Refused, match="401"):
        Client(server, "atl_wrong").whoami()
    with pytest.raises(Refused, match="403"):
        client_of(server, world.reader).send_events([line("192.0.2.7")])


def test_it_waits_when_the_node_says_so(server: str, world: World, settings: Any) -> None:
    web = dataclasses.replace(settings.CONFIG.web, api_requests=2)
    settings.CONFIG = dataclasses.replace(settings.CONFIG, web=web)
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        rates._buckets.clear()

    node = client_of(server, world.handler, sleep=sleep)
    assert [node.whoami()["role"] for _ in range(5)] == ["handler"] * 5
    assert waited and all(1 <= seconds <= 60 for seconds in waited)
    impatient = client_of(server, world.handler, attempts=1)
    with pytest.raises(Refused, match="429"):
        for _ in range(3):
            impatient.whoami()


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A server that is no node: it sends everybody to another address, and notes who comes."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            if "token" in self.path:
                self.send_response(302)
                self.send_header("Location", "/stolen")
                self.end_headers()
            else:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"<html>")

        def log_message(self, *_args: object) -> None:
            """Quietly."""

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}", seen
    listening.shutdown()
    listening.server_close()


def test_it_shows_its_token_to_no_other_address(elsewhere: tuple[str, list[str]]) -> None:
    url, seen = elsewhere
    with pytest.raises(Refused, match="302"):
        Client(url, "atl_secret").whoami()
    assert seen == ["/api/v1/token"]
    assert "atl_secret" not in repr(Client(url, "atl_secret"))


def test_it_says_when_what_answers_is_no_node(elsewhere: tuple[str, list[str]]) -> None:
    with pytest.raises(Unreachable, match="not JSON"):
        Client(elsewhere[0], "atl_secret").get("node")
    with pytest.raises(Unreachable, match="does not answer"):
        Client("http://127.0.0.1:9", "atl_secret", timeout=2).whoami()
    with pytest.raises(Unreachable, match="not the address"):
        Client("file:///etc/passwd", "atl_secret").whoami()


def test_it_reads_an_error_that_is_no_problem_document() -> None:
    assert str(Refused(502, {})) == "502: The node refused."


def test_the_examples_of_the_documentation_run(
    server: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.apps.events.conftest import NOW

    _, secret = create_token(world.admin, by=world.admin, name="docs", scopes=sorted(world.admin.rights))
    monkeypatch.setenv("NODE", server)
    monkeypatch.setenv("TOKEN", secret)
    monkeypatch.chdir(tmp_path)
    head = "timestamp,ip,port,protocol,asn,geo,region,city,hostname,naics,sector,severity,tag,hostname_source"
    row = f"{NOW:%Y-%m-%d %H:%M:%S},192.0.2.7,3389,tcp,64496,TT,,,,,,high,rdp,"
    (tmp_path / "2026-11-20-scan_rdp-tt.csv").write_text(f"{head}\n{row}\n")
    (tmp_path / "known_exploited_vulnerabilities.json").write_text(json.dumps(KEV))
    compile_at_once(monkeypatch)
    text = (Path(__file__).parents[1] / "docs/api.md").read_text()
    blocks = [part.split("```")[0] for part in text.split("```python\n")[1:]]
    assert len(blocks) == 8
    exec(compile("\n".join(blocks), "docs/api.md", "exec"), {})
    assert Organisation.objects.filter(name="Water Board", networks__value="198.51.100.0/24").exists()
    assert ReferenceFile.objects.get().status == "ready"


def test_it_packs_the_same_file_into_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    def request(_self: Client, _method: str, _path: str, _params: Any, body: bytes, _kind: str) -> Any:
        sent.append(body)
        return {"status": "done", "new": True}

    monkeypatch.setattr(Client, "request", request)
    for now in (1_800_000_000.0, 1_900_000_000.0):
        monkeypatch.setattr("time.time", lambda now=now: now)
        Client("https://node.example", "atl_x").send_events([{"source.ip": "192.0.2.7"}])
    assert sent[0] == sent[1]
