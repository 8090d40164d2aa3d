"""Every address of the node, asked by everybody who has no business there.

The list of addresses is taken from the URL configuration, so a new page is tried as soon as it exists. One organisation
(the port) is given data of every kind. Then nobody else may see any of it: pages and API answers of the member of
another organisation and of people of another state must be the same, byte for byte, as before the data came, so that
not even a count gives them away; and every address of one of the port's things must answer like one that does not exist.
"""

from __future__ import annotations

import dataclasses
import difflib
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from tests.world import World

from atalaya.apps.collection import actions as sources
from atalaya.apps.collection.models import Source
from atalaya.apps.events import actions as events
from atalaya.apps.events.marks import actions as marks
from atalaya.apps.events.models import Finding, Ingest, Reject, Rule
from atalaya.apps.events.own import actions as own_feeds
from atalaya.apps.events.rules import actions as rules
from atalaya.apps.jobs.models import Job
from atalaya.apps.notices import actions as notices
from atalaya.apps.notices.models import Notice
from atalaya.apps.people import actions as people
from atalaya.apps.people.models import User
from atalaya.apps.portal import actions as portal
from atalaya.apps.records.models import Record
from atalaya.apps.reference import actions as reference
from atalaya.apps.registry.models import Certificate, Contact, ImportPlan, Membership, Network
from atalaya.apps.warning.models import Alarm, Mute
from atalaya.core.crypto import openpgp

OPEN_TO_STRANGERS = {"/health", "/account/login/", "/account/closed/", "/account/factors/sign-in/"}
"""Addresses that answer 200 without signing in: signing in itself, and whether the node runs."""
PUBLISHED = {"notices:key"}
"""A team's public key is there to be given to everybody."""
OF_THE_STATE = {"registry:team", "registry:certificate", "registry:certificate_file"}
"""Things that belong to the state's team: a member of any of its organisations may see them."""
HARMLESS = {"/account/logout/", "/account/language/"}
"""Addresses that only change the asker's own browser, and send them back to the start."""
OWN_WORD = {
    "events:take_back", "portal:withdraw", "portal:renew_webhook", "portal:try_webhook", "portal:remove_webhook",
}  # fmt: skip
"""What a member may change of their organisation's own: its words, wishes and webhooks."""
DESCRIPTION = ("/api/v1/openapi.json", "/api/v1/docs")
"""Describes the API to whoever has a token or is signed in."""
OWN_ACCOUNT = ("/account/", "/people/me/", "/health", *DESCRIPTION)
"""Where everybody changes their own account, and theirs only."""
MAY_ANSWER = {302, 400, 401, 403, 404, 405}
"""What an outsider may get. 400: a body that is none is refused before anything is looked up."""
CSV_HEAD = '"timestamp","severity","ip","protocol","port","hostname","tag","asn","geo","region","city","naics","hostname_source","sector"\n'
CHANGING = re.compile(
    r'<time.*?</time>|value="[\w-]{30,}"|\d{4}-\d\d-\d\dT(?:[\d:.+-]|%3A)+|\d\d:\d\d(:\d\d)?|data-[\w-]+="[^"]{20,}"|csrf[^>]{0,200}>|"request_id": "[^"]+"',
    re.IGNORECASE | re.DOTALL,
)
"""What differs between two answers for other reasons: request tokens and the time of day."""


@dataclasses.dataclass(frozen=True)
class Route:
    """One address pattern: its template and the kinds of its parameters."""

    name: str
    template: str
    parameters: tuple[tuple[str, str], ...]

    def fill(self, values: dict[str, str]) -> str:
        return re.sub(r"<[^>]+>", lambda match: values[match.group()], self.template)


def routes() -> list[Route]:
    """Every address of the node, from its URL configuration."""
    return list(_walk(get_resolver().url_patterns, "/", ""))


def _walk(patterns: list[Any], prefix: str, space: str) -> Iterator[Route]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path, pattern.namespace or space)
        elif isinstance(pattern, URLPattern):
            found = tuple((name, type(kind).__name__) for name, kind in pattern.pattern.converters.items())
            yield Route(f"{space}:{pattern.name}" if space else str(pattern.name), path, found)


@pytest.fixture
def node(world: World, tmp_path: Path, settings: Any) -> World:
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data=tmp_path)
    Network.objects.create(organisation=world.bank, kind="prefix", value="198.51.100.0/24")
    Network.objects.create(organisation=world.foreign_organisation, kind="prefix", value="203.0.113.0/24")
    for state, address in (("TT", "198.51.100.7"), ("BB", "203.0.113.7")):
        notices.ensure_team_key(state)
        _ingest(
            state,
            [
                f'"2026-11-20 10:00:00","high","{address}","tcp","3389","h.example","rdp","64496","XX","","","","",""\n'
            ],
        )
    return world


def _ingest(state: str, rows: list[str]) -> Ingest:
    text = (CSV_HEAD + "".join(rows)).encode()
    ingest, _ = events.receive(
        text, by=None, state=state, name="2026-11-20-scan_rdp-x.csv", channel="command"
    )
    done = events.process(ingest.pk)
    assert done.status == Ingest.Status.DONE, done.message
    return done


def fill(world: World) -> dict[str, list[str]]:
    """Give the port data of every kind; return the values that can stand for each kind of parameter."""
    secret = openpgp.generate("Quetzal <quetzal@port.example>")
    cert = openpgp.certificate_of(secret)
    info = openpgp.inspect(cert, at=world.admin.created_at)
    certificate = Certificate.objects.create(
        fingerprint=info.fingerprint, armored=cert, user_ids=list(info.user_ids), status=info.status.value
    )
    contact = Contact.objects.create(
        organisation=world.port,
        name="Quetzal",
        email="quetzal@port.example",
        certificate=certificate,
        language="en",
    )
    network = Network.objects.create(organisation=world.port, kind="prefix", value="192.0.2.0/24")
    Network.objects.create(organisation=world.port, kind="domain", value="quetzal.example")
    good = '"2026-11-20 11:00:00","critical","192.0.2.{n}","tcp","3389","quetzal.example","rdp","64496","XX","","","","",""\n'
    ingest = _ingest("TT", [*(good.format(n=n) for n in range(1, 8)), '"quetzal","high","192.0.2.9"\n'])
    notices.collect(str(ingest.pk))
    for notice in Notice.objects.filter(organisation=world.port):
        notices.deliver(notice.pk)
    source = Source(
        state=world.state, name="Quetzal", feed="shadowserver-scan-rdp", address="https://quetzal.example/"
    )
    sources.save_source(source, by=None, secret="quetzal")
    token, _ = people.create_token(world.handler, by=world.handler, name="quetzal", scopes=["events:read"])
    membership = Membership.objects.get(user=world.member)
    finding = Finding.objects.filter(organisation=world.port).first()
    assert (
        finding is not None
        and Notice.objects.filter(organisation=world.port).exists()
        and Reject.objects.exists()
    )
    today = world.admin.created_at.date()
    alarm = Alarm.objects.create(
        state=world.state, kind="new", dimension="organisation", subject="quetzal", organisation=world.port,
        first_day=today, last_day=today, observed=3, expected=0, chance=0.01, score=2,
    )  # fmt: skip
    mute = Mute.objects.create(
        state=world.state, dimension="malware", subject="quetzal", until=today + timedelta(days=900), reason="quetzal"
    )  # fmt: skip
    rows = [
        world.port,
        contact,
        network,
        certificate,
        ingest,
        token,
        world.handler,
        world.member,
        alarm,
        mute,
    ]
    given = marks.mark([finding.pk], by=world.member, kind="wrong", reason="Quetzal says no")[0]
    asked = portal.propose(
        world.port, by=world.member, kind="network", row=None, after={"value": "wish.quetzal.example"}
    )
    hook, _ = portal.add_webhook(world.port, by=world.member, url="https://quetzal.example/hook")
    portal.try_webhook(hook, by=world.member)
    rows += [given, asked, hook]
    rows.append(
        rules.save_rule(
            Rule(
                state=world.state, code="quetzal", name="Quetzal", line="port:65000", what="drop", reason="Quetzal says so"
            ),
            by=world.lead,
        )
    )  # fmt: skip
    rows += [source, reference.load(io.BytesIO(b"quetzal"), by=None, kind="kev", name="quetzal.json")]
    rows += (
        list(Notice.objects.filter(organisation=world.port))
        + list(Job.objects.all()[:1])
        + list(ImportPlan.objects.all()[:1])
    )
    keys = [str(row.pk) for row in rows]
    declaration = (
        'code = "tt-own-list"\nname = "Quetzal"\nprovider = "Quetzal"\n[columns]\nip = "source.ip"\n'
    )
    own = own_feeds.save_feed(declaration, by=world.lead, state="TT", sample="ip,x\n192.0.2.7,1\n")
    record = (
        Record.objects.filter(target_id=str(world.port.pk)).first() or Record.objects.order_by("-seq").first()
    )
    assert record is not None
    return {
        "UUIDConverter": keys, "UUIDStrConverter": keys, "StringConverter": keys,
        "IntConverter": [str(membership.pk), str(record.seq), "1"],
        "FindingKey": [_finding_text(finding.key)], "Sha256": [ingest.sha256], "SlugConverter": ["TT", own.code],
    }  # fmt: skip


def _finding_text(key: int) -> str:
    from atalaya.apps.events.urls import FindingKey

    return str(FindingKey().to_url(key))


def addresses(values: dict[str, list[str]]) -> Iterator[tuple[Route, str]]:
    """Every address with parameters, filled with each of the port's things that can stand there."""
    for route in routes():
        if not route.parameters:
            continue
        first, *rest = (values[kind] for _name, kind in route.parameters)
        tail = [options[0] for options in rest]
        slots = re.findall(r"<[^>]+>", route.template)
        for value in first:
            yield route, route.fill(dict(zip(slots, [value, *tail], strict=True)))


def body(response: HttpResponseBase) -> str:
    streaming = getattr(response, "streaming", False)
    data = b"".join(response) if streaming else response.content  # type: ignore[call-overload, attr-defined]
    return CHANGING.sub("", data.decode(errors="replace"))


def snapshot(client: Client) -> dict[str, tuple[int, str]]:
    """What a person sees at every address without parameters, and in the API."""
    seen = {}
    for route in routes():
        if not route.parameters and not route.template.startswith(OWN_ACCOUNT):
            response = client.get(route.template)
            seen[route.template] = (response.status_code, body(response))
    return seen


def difference(address: str, was: tuple[int, str], now: tuple[int, str]) -> str:
    lines = difflib.unified_diff(was[1].splitlines(), now[1].splitlines(), lineterm="", n=0)
    return "\n".join([address, f"{was[0]} -> {now[0]}", *lines][:20])


def with_token(user: User) -> Client:
    _, secret = people.create_token(user, by=user, name="all", scopes=sorted(user.rights))
    return Client(headers={"Authorization": f"Bearer {secret}"})


OUTSIDERS = ("other_member", "foreign_handler", "foreign_member")


@pytest.mark.parametrize("who", OUTSIDERS)
def test_it_shows_outsiders_the_same_with_and_without_the_data(node: World, who: str) -> None:
    user = getattr(node, who)
    clients = [node.client(user), with_token(user)]
    before = [snapshot(client) for client in clients]
    fill(node)
    after = [snapshot(client) for client in clients]
    for was, now in zip(before, after, strict=True):
        assert sum(status == 200 for status, _ in was.values()) > 3, "this person sees pages of their own"
        for address, answer in was.items():
            assert now[address] == answer, difference(address, answer, now[address])


@pytest.mark.parametrize("who", OUTSIDERS)
def test_it_answers_outsiders_as_if_the_things_did_not_exist(node: World, who: str) -> None:
    user = getattr(node, who)
    values = fill(node)
    clients = [node.client(user), with_token(user)]
    for route, address in addresses(values):
        if route.name in PUBLISHED or (who == "other_member" and route.name in OF_THE_STATE):
            continue
        for client in clients:
            for response in (client.get(address), client.post(address)):
                assert response.status_code in MAY_ANSWER, f"{address}: {response.status_code}"
                if response.status_code != 302:
                    assert "quetzal" not in body(response).lower(), address


def test_it_opens_nothing_to_strangers(node: World) -> None:
    values = fill(node)
    every = [(route, route.template) for route in routes() if not route.parameters] + list(addresses(values))
    for route, address in every:
        if route.name in PUBLISHED:
            continue
        for response in (node.stranger.get(address), node.stranger.post(address)):
            if address in HARMLESS:
                assert response.status_code in {302, 405}
            elif address in OPEN_TO_STRANGERS:
                assert "quetzal" not in body(response).lower()
            elif response.status_code == 302:
                assert "/account/login/" in response["Location"], address
            else:
                assert response.status_code in {401, 403, 404, 405}, f"{address}: {response.status_code}"


def test_it_lets_readers_write_nothing(node: World) -> None:
    values = fill(node)
    before = _tables()
    every = [(route, route.template) for route in routes() if not route.parameters] + list(addresses(values))
    for user in (node.reader, node.member):
        client, own = node.client(user), OWN_WORD if user == node.member else set()
        for route, address in every:
            if not address.startswith(OWN_ACCOUNT) and "logout" not in address and route.name not in own:
                response = client.post(address, {"name": "changed", "status": "changed"})
                # A list may be shown again; what counts is that nothing was written, and every write leaves a record.
                assert response.status_code < 500, address
    assert _tables() == before


def test_it_shows_readers_their_own_state(node: World) -> None:
    """The other side of the coin: a test in which nobody sees anything would prove nothing."""
    values = fill(node)
    answers = [node.client(node.reader).get(address) for _route, address in addresses(values)]
    shown = [answer for answer in answers if answer.status_code == 200 and "quetzal" in body(answer).lower()]
    assert len(shown) >= 8


def _tables() -> dict[str, int]:
    """Rows of every table but those of sessions and sign-ins."""
    with connection.cursor() as cursor:
        names = [name for name in connection.introspection.table_names(cursor) if "session" not in name]
        counts = {}
        for name in sorted(names):
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(name)}")
            counts[name] = int(cursor.fetchone()[0])
    return counts


def test_it_tries_every_kind_of_parameter() -> None:
    kinds = {kind for route in routes() for _name, kind in route.parameters}
    known = {
        "UUIDConverter",
        "UUIDStrConverter",
        "StringConverter",
        "IntConverter",
        "FindingKey",
        "Sha256",
        "SlugConverter",
    }
    assert kinds <= known
    assert len(routes()) > 80
