"""The API against its own description: whatever is sent, every answer is one that the description tells of."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounds
from tests.world import World

from atalaya.apps.events import actions as events
from atalaya.apps.events.models import Finding, Ingest, Rule
from atalaya.apps.events.rules import actions as rules
from atalaya.apps.notices import actions as notices
from atalaya.apps.notices.models import Notice
from atalaya.apps.people.actions import create_token
from atalaya.apps.people.models import User
from atalaya.apps.reference import actions as reference
from atalaya.apps.reference.models import ReferenceFile
from atalaya.apps.registry.models import Contact, Network
from atalaya.apps.retention import actions as retention
from atalaya.apps.retention.models import Policy, Run
from atalaya.apps.retention.models import Rule as RetentionRule

pytest.importorskip("schemathesis")

import schemathesis
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

EXAMPLES = 6
"""Requests of each kind for each operation and asker: few enough for all of them in less than a minute on one core."""
WANTED = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
BOUNDS = bounds(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
EVENT = (
    b'{"feed.code": "own", "time.source": "2026-11-20T10:00:00+00:00", "source.ip": "192.0.2.7", '
    b'"classification.type": "scanner"}\n'
)


@pytest.fixture
def open_connection() -> Iterator[None]:
    """The test's own connection outlives a request, as with Django's test client."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def node(world: World, open_connection: None, tmp_path: Path, settings: Any) -> World:
    """A node with one of everything that an address can name."""
    web = dataclasses.replace(settings.CONFIG.web, api_requests=1_000_000)
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data=tmp_path, web=web)
    settings.ALLOWED_HOSTS = ["*"]
    notices.ensure_team_key("TT")
    Network.objects.create(organisation=world.port, kind="prefix", value="192.0.2.0/24")
    Contact.objects.create(organisation=world.port, name="Desk", email="desk@port.example", language="en")
    ingest, _ = events.receive(
        EVENT, by=None, state="TT", name="events.jsonl", channel="command", feed="intelmq-json"
    )
    assert events.process(ingest.pk).status == Ingest.Status.DONE
    notices.collect(str(ingest.pk))
    rules.save_rule(
        Rule(state=world.state, code="noise", name="Noise", line="port:22", what="drop", reason="Ours."),
        by=None,
    )
    RetentionRule.objects.create(state=world.state, tlp="red", delete_after=30)
    Policy.objects.create(state=world.state, active=True)
    assert retention.carry_out("TT", at_once=True).status == Run.Status.DONE
    reference.load(io.BytesIO(b"192.0.2.7,mail.port.example\n"), by=None, kind="reverse", name="names.csv")
    return world


def real(path: str, world: World) -> dict[str, Any]:
    """Path parameters that name something that is there."""
    ingest = Ingest.objects.earliest("received_at")
    finding, notice = (
        Finding.objects.filter(organisation=world.port).earliest("pk"),
        Notice.objects.earliest("created_at"),
    )
    network, contact = Network.objects.first(), Contact.objects.first()
    known = {
        "findings": {"key": str(finding.pk)},
        "events": {"raw_file": ingest.sha256, "raw_row": 0},
        "files": {"file_id": str(ingest.pk)},
        "organisations": {"pk": str(world.port.pk)},
        "networks": {"pk": str(network.pk) if network else ""},
        "contacts": {"pk": str(contact.pk) if contact else ""},
        "notices": {"notice_id": str(notice.pk)},
        "rules": {"rule_id": str(Rule.objects.earliest("changed_at").pk)},
    }
    return known.get(path.split("/")[3], {}) or _of_retention(path)


def _of_retention(path: str) -> dict[str, Any]:
    part = path.removeprefix("/api/v1/").split("/{")[0]
    known = {
        "retention/rules": RetentionRule.objects,
        "retention/runs": Run.objects.filter(dry=False),
        "reference": ReferenceFile.objects,
    }
    return {"pk": str(known[part].earliest("pk").pk)} if part in known else {}


def headers_of(user: User | None) -> dict[str, str]:
    plain = {"Accept-Encoding": "identity"}
    if user is None:
        return plain
    _, secret = create_token(user, by=user, name="schema", scopes=sorted(user.rights))
    return {**plain, "Authorization": f"Bearer {secret}"}


@pytest.mark.parametrize("who", ["admin", "member", None])
def test_it_answers_as_it_is_described(node: World, who: str | None) -> None:
    from atalaya.site.api_pages import document

    schema = schemathesis.openapi.from_dict(document())
    schema.app = get_wsgi_application()
    headers = headers_of(getattr(node, who) if who else None)
    seen: set[int] = set()
    wrong: list[str] = []
    for found in schema.get_all_operations():
        operation = found.ok()
        kept = real(operation.path, node) if "{" in operation.path and operation.method != "delete" else {}
        for mode, fixed in ((GenerationMode.POSITIVE, kept), (GenerationMode.NEGATIVE, {})):
            try:
                seen |= _try(operation, mode, fixed, headers)
            except FailureGroup as failures:
                wrong.append(f"{operation.label}: {failures}")
    assert not wrong, "\n".join(wrong)
    assert seen >= ({401} if who is None else {200, 403 if who == "member" else 201, 404, 422})


def _try(operation: Any, mode: Any, fixed: dict[str, Any], headers: dict[str, str]) -> set[int]:
    seen = set()

    @BOUNDS
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=fixed or None))
    def attempt(case: Any) -> None:
        response = case.call(headers=headers)
        seen.add(response.status_code)
        case.validate_response(response, checks=WANTED)
        assert response.headers["x-request-id"]

    attempt()
    return seen
