"""The API of marks: an owner's own ticket system says what became of findings, and reads what the team answered."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status
from ninja.errors import HttpError
from pydantic import ConfigDict, Field

from atalaya.apps.events.marks import actions, queries
from atalaya.apps.events.models import Mark
from atalaya.apps.events.queries import findings_visible_to
from atalaya.apps.people.rights import Right, api_auth, asker
from atalaya.core.errors import BadInput
from atalaya.web.paging import ListOf, Moment, Paging, page

router = Router(tags=["marks"], auth=api_auth.needing(Right.READ_EVENTS))


SAID: dict[str, Any] = {
    "findings": ["-4611686018427387904"],
    "kind": "solved",
    "reason": "The port is closed since this morning.",
    "until": None,
}
MARK: dict[str, Any] = {
    "id": "5b1f4a52-6f0e-4b6e-9a53-0d3b6f6c8a44",
    "finding": "-4611686018427387904",
    "organisation": "0c2f4a52-6f0e-4b6e-9a53-0d3b6f6c8a11",
    "kind": "solved",
    "reason": "The port is closed since this morning.",
    "until": None,
    "at": "2026-11-20T11:00:02Z",
    "by": "Port Authority",
    "verdict": "",
    "answer": "",
    "answered_at": None,
    "end": "",
    "ended_at": None,
}


class MarkIn(Schema):
    """What is said of findings, by their ids. `kind`: solved, wrong or accepted; `until` for an accepted risk."""

    model_config = ConfigDict(json_schema_extra={"example": SAID})
    findings: list[str] = Field(max_length=actions.MOST)
    kind: Literal["solved", "wrong", "accepted"]
    reason: str = ""
    until: date | None = None


class MarkOut(Schema):
    """One word of an owner. `end` is empty while it is in force; `verdict` while the team has not answered."""

    model_config = ConfigDict(json_schema_extra={"example": MARK})
    id: UUID
    finding: str
    organisation: UUID
    kind: str
    reason: str
    until: date | None
    at: datetime
    by: str
    verdict: str
    answer: str
    answered_at: datetime | None
    end: str
    ended_at: datetime | None


class MarkQuery(Schema):
    """Filters of marks."""

    finding: str = Field("", description="Number of a finding.")
    kind: Literal["", "solved", "wrong", "accepted"] = Field("", description="What was said.")
    in_force: bool | None = Field(None, description="Whether it still holds.")
    since: Moment | None = Field(None, description="Said since.")


def _out(one: Mark) -> MarkOut:
    names = ("id", "kind", "reason", "until", "at", "verdict", "answer", "answered_at", "end", "ended_at")
    return MarkOut(
        finding=str(one.finding_id),
        organisation=one.organisation_id,
        by=one.by_name,
        **{name: getattr(one, name) for name in names},
    )


@router.post(
    "marks",
    response={201: list[MarkOut]},
    summary="Say what became of findings",
    auth=api_auth.needing(Right.READ_EVENTS, Right.MARK_FINDINGS),
)
def add_marks(request: HttpRequest, body: MarkIn) -> Status[list[MarkOut]]:
    """Say of findings that they are solved, wrong or accepted. All of them, or none when one is not yours."""
    user, keys = asker(request), queries.keys_of(body.findings)
    if findings_visible_to(user).filter(pk__in=keys).count() != len(set(keys)):
        raise BadInput("findings: there is no such finding.", advice="Give ids of your own findings.")
    made = actions.mark(keys, by=user, kind=body.kind, reason=body.reason, until=body.until)
    return Status(201, [_out(one) for one in made])


@router.get("marks", response=ListOf[MarkOut], summary="List marks")
def list_marks(request: HttpRequest, filters: Query[MarkQuery], paging: Query[Paging]) -> Any:
    """What was said of findings, the latest first."""
    found = queries.visible_to(asker(request))
    if filters.finding:
        found = found.filter(finding__in=queries.keys_of([filters.finding]))
    if filters.kind:
        found = found.filter(kind=filters.kind)
    if filters.in_force is not None:
        found = found.filter(queries.IN_FORCE) if filters.in_force else found.exclude(queries.IN_FORCE)
    if filters.since:
        found = found.filter(at__gte=filters.since)
    return page(request, found, ("-at", "pk"), paging, _out)


@router.delete(
    "marks/{uuid:mark_id}",
    response={204: None},
    summary="Take a word back",
    auth=api_auth.needing(Right.READ_EVENTS, Right.MARK_FINDINGS),
)
def take_mark_back(
    request: HttpRequest, mark_id: Annotated[UUID, Path(description="Its identifier.")]
) -> Status[None]:
    """Take a word back: the finding is again what it was before."""
    user = asker(request)
    try:
        given = queries.visible_to(user).get(pk=mark_id)
    except ObjectDoesNotExist as error:
        raise HttpError(404, "There is no such mark.") from error
    actions.take_back(given, by=user)
    return Status(204, None)
