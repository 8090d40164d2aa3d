"""The API of the rules table: read it, change it, try a rule before it is kept."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from atalaya.apps.events.models import Rule
from atalaya.apps.events.queries import state_of
from atalaya.apps.events.rules import actions, examples, exchange, queries, running, trying
from atalaya.apps.events.staff import staff_of_api
from atalaya.apps.events.words import problem
from atalaya.apps.people.rights import Right, api_auth, asker
from atalaya.core.errors import BadInput
from atalaya.core.store.ask import Problem
from atalaya.web.paging import ListOf, Paging, one, page

router = Router(tags=["rules"], auth=api_auth.needing(Right.READ_EVENTS))
_staff = partial(staff_of_api, what="Rules")
WRITING = api_auth.needing(Right.READ_EVENTS, Right.WRITE_FEEDS)
Id = Annotated[UUID, Path(description="Its identifier.")]

SAID: dict[str, Any] = {
    "code": "our-scanner",
    "name": "Our own scanner",
    "when": "class:scanner ip:192.0.2.7",
    "what": "drop",
    "class": "",
    "identifier": "",
    "severity": "",
    "at_once": False,
    "hold": False,
    "tell": "",
    "role": "",
    "reason": "Our weekly scan of the state's own networks.",
    "until": "2027-06-30",
    "active": True,
    "fits": ['{"classification.type": "scanner", "source.ip": "192.0.2.7"}'],
    "spares": [],
}


class RuleIn(Schema):
    """A rule. `when` is a question of the query language without a time. `what`: change, drop or leave. With change:
    `class` and `identifier` replace what the feed says, `severity` is the least it becomes, `at_once` and `hold` say when
    notices leave, `tell` names an organisation and `role` a contact role to tell instead. `fits` and `spares` are events
    (JSON objects by the fields of IDF) that the rule must fit or must not."""

    model_config = ConfigDict(json_schema_extra={"example": SAID})
    code: str = ""
    name: str
    when: str
    what: Literal["change", "drop", "leave"] = "change"
    new_class: str = Field("", alias="class")
    identifier: str = ""
    severity: Literal["", "info", "low", "medium", "high", "critical"] = ""
    at_once: bool = False
    hold: bool = False
    tell: str = ""
    role: Literal["", "security", "abuse", "technical", "management"] = ""
    reason: str
    until: date | None = None
    active: bool = True
    fits: list[str] = []
    spares: list[str] = []


class RuleOut(Schema):
    """A rule as it stands in its table: `place` counts from 1. `events` are those that it decided on in the last 30
    days, `last` is when it last did."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "7e1f4a52-6f0e-4b6e-9a53-0d3b6f6c8a45",
                "state": "TT",
                "place": 1,
                **SAID,
                "events": 12,
                "last": "2026-11-20T11:00:02Z",
                "changed_at": "2026-11-01T09:00:00Z",
            }
        }
    )
    id: UUID
    state: str
    place: int
    code: str
    name: str
    when: str
    what: str
    new_class: str = Field(serialization_alias="class")
    identifier: str
    severity: str
    at_once: bool
    hold: bool
    tell: str
    role: str
    reason: str
    until: date | None
    active: bool
    fits: list[str]
    spares: list[str]
    events: int
    last: datetime | None
    changed_at: datetime


class OwnerOut(Schema):
    """An organisation whose notices would change; null for events that nobody owns."""

    organisation: UUID | None
    name: str
    events: int
    findings: int


class TrialOut(Schema):
    """What a rule would have done: `looked` events were looked at, it would decide on `count`, and an earlier rule decides
    on `taken` more that fit it. `events` are the latest, as lines for `fits` and `spares`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "days": 7, "looked": 1200, "count": 12, "taken": 0,
                "owners": [{"organisation": "0c2f4a52-6f0e-4b6e-9a53-0d3b6f6c8a11", "name": "Port Authority", "events": 12, "findings": 1}],
                "events": ['{"classification.type": "scanner", "source.ip": "192.0.2.7"}'],
            }
        }
    )  # fmt: skip
    days: int
    looked: int
    count: int
    taken: int
    owners: list[OwnerOut]
    events: list[str]


def _found(request: HttpRequest, pk: UUID) -> Rule:
    return one(queries.in_table(_staff(request)), pk, "rule")


def _out(rule: Any) -> dict[str, Any]:
    names = (
        "id", "code", "name", "what", "identifier", "severity", "at_once", "hold", "role", "reason", "until", "active",
        "changed_at",
    )  # fmt: skip
    return {
        **{name: getattr(rule, name) for name in names},
        "state": rule.state_id,
        "place": rule.position,
        "when": rule.line,
        "new_class": rule.type,
        "tell": rule.tell.name if rule.tell else "",
        "fits": examples.lines(rule.fits),
        "spares": examples.lines(rule.spares),
        "events": rule.recent,
        "last": rule.last,
    }


def _one(request: HttpRequest, rule: Rule) -> dict[str, Any]:
    return _out(queries.with_hits(queries.in_table(asker(request))).get(pk=rule.pk))


def _made(body: RuleIn, state: str, rule: Rule | None = None) -> Rule:
    """The rule of a body; its code cannot be changed."""
    told = body.dict(by_alias=True)
    if told["until"] is None:
        del told["until"]
    made = exchange.rule_of(told, state, body.code or body.name, rule)
    if body.until is None:
        made.until = None
    if rule is not None and made.code != body.code:
        raise BadInput("code: it stays as it is.")
    return made


@router.get("rules", response=ListOf[RuleOut], summary="List rules", by_alias=True)
def list_rules(request: HttpRequest, paging: Query[Paging]) -> Any:
    """The table in its order. The first rule whose condition holds decides on an event."""
    found = queries.with_hits(queries.in_table(_staff(request)))
    return page(request, found, ("state_id", "position", "pk"), paging, _out)


@router.get("rules/{uuid:rule_id}", response=RuleOut, summary="Get one rule", by_alias=True)
def get_rule(request: HttpRequest, rule_id: Id) -> Any:
    """One rule with what it did lately."""
    return _one(request, _found(request, rule_id))


@router.post("rules", response={201: RuleOut}, summary="Add a rule", auth=WRITING, by_alias=True)
def add_rule(request: HttpRequest, body: RuleIn) -> Status[Any]:
    """Put a rule at the end of the table. Refused when an event that it must fit does not, or the other way round."""
    user = _staff(request)
    made = actions.save_rule(_coded(body, state_of(user)), by=user)
    return Status(201, _one(request, made))


def _coded(body: RuleIn, state: str) -> Rule:
    made = _made(body, state)
    made.code = made.code or running.free_code(state, made.name)
    return made


@router.put("rules/{uuid:rule_id}", response=RuleOut, summary="Change a rule", auth=WRITING, by_alias=True)
def change_rule(request: HttpRequest, rule_id: Id, body: RuleIn) -> Any:
    """Say the whole rule anew. Its code and its place stay."""
    found = _found(request, rule_id)
    told = body.model_copy(update={"code": body.code or found.code})
    if told.code != found.code:
        raise BadInput("code: it stays as it is.", advice="Remove the rule and add another one.")
    actions.save_rule(_made(told, found.state_id, found), by=asker(request))
    return _one(request, found)


@router.post(
    "rules/{uuid:rule_id}/move", response=RuleOut, summary="Move a rule", auth=WRITING, by_alias=True
)
def move_rule(
    request: HttpRequest,
    rule_id: Id,
    way: Annotated[Literal["up", "down"], Query(description="Up is earlier.", examples=["up"])],
) -> Any:
    """Let a rule and its neighbour change places."""
    found = _found(request, rule_id)
    actions.move(found, by=asker(request), up=way == "up")
    return _one(request, found)


@router.delete("rules/{uuid:rule_id}", response={204: None}, summary="Remove a rule", auth=WRITING)
def remove_rule(request: HttpRequest, rule_id: Id) -> Status[None]:
    """Take a rule out of the table; events that it decided on still name it."""
    actions.remove_rule(_found(request, rule_id), by=asker(request))
    return Status(204, None)


@router.post("rules/try", response=TrialOut, summary="Try a rule", auth=WRITING)
def try_rule(
    request: HttpRequest,
    body: RuleIn,
    days: Annotated[
        int, Query(ge=1, le=trying.MOST_DAYS, description="Days back.", examples=[7])
    ] = trying.DAYS,
) -> Any:
    """What a rule at the end of the table would have done to the events of the last days. Nothing is kept."""
    try:
        found = trying.tried(_made(body, state_of(_staff(request))), days)
    except Problem as error:
        raise BadInput(f"when: {problem(error)}") from error
    owners = [
        {
            "organisation": one.organisation.pk if one.organisation else None,
            "name": one.organisation.name if one.organisation else "",
            "events": one.events,
            "findings": one.findings,
        }
        for one in found.owners
    ]
    counts = {name: getattr(found.found, name) for name in ("looked", "count", "taken")}
    return {"days": found.days, **counts, "owners": owners, "events": [line for _, line, _ in found.examples]}
