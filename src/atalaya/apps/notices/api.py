"""The API of notices: what was told, as far as the token's owner may see."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from pydantic import ConfigDict

from atalaya.apps.notices import actions, queries
from atalaya.apps.notices.listing import NOTICES
from atalaya.apps.notices.models import Notice
from atalaya.apps.people.rights import Right, api_auth, asker
from atalaya.web.paging import ListOf, Paging, one, page

router = Router(tags=["notices"], auth=api_auth.needing(Right.READ_NOTICES))
sending = api_auth.needing(Right.READ_NOTICES, Right.SEND_NOTICES)

EXAMPLE: dict[str, Any] = {
    "id": "f3b0c442-98fc-4c14-9afb-f4c8996fb924",
    "token": "TT-7K3M9Q",
    "state": "TT",
    "organisation": "0c2f4a52-6f0e-4b6e-9a53-0d3b6f6c8a11",
    "organisation_name": "Port Authority",
    "type": "vulnerable-system",
    "severity": 4,
    "language": "en",
    "tlp": "amber",
    "status": "sent",
    "trouble": "",
    "protection": "encrypted",
    "recipient": "security@port.example",
    "subject": "Vulnerable systems on your network",
    "created_at": "2026-11-20T11:00:02Z",
    "send_after": "2026-11-20T12:00:02Z",
    "sent_at": "2026-11-20T12:00:05Z",
    "message_id": "<f3b0c442@csirt.example>",
}


class NoticeOut(Schema):
    """A notice; codes instead of words. `findings` are the numbers of the findings that it speaks of."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})
    id: UUID
    token: str
    state: str
    organisation: UUID
    organisation_name: str
    type: str
    severity: int
    language: str
    tlp: str
    status: str
    trouble: str
    protection: str
    recipient: str
    subject: str
    created_at: datetime
    send_after: datetime
    sent_at: datetime | None
    message_id: str


class NoticeDetail(NoticeOut):
    """A notice with its text and the findings that it speaks of."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {**EXAMPLE, "body": "Dear colleagues, ...", "findings": ["-4611686018427387904"]}
        }
    )
    body: str
    findings: list[str]


def _out(notice: Notice) -> dict[str, Any]:
    return {
        "id": notice.pk,
        "token": notice.reply_token,
        "state": notice.state_id,
        "organisation": notice.organisation_id,
        "organisation_name": notice.organisation.name,
        **{
            name: getattr(notice, name)
            for name in (
                "type", "severity", "language", "tlp", "status", "trouble", "protection", "recipient", "subject",
                "created_at", "send_after", "sent_at", "message_id",
            )
        },
    }  # fmt: skip


class NoticeQuery(Schema):
    """Filters of the list of notices."""

    text: str = Field(
        "", description="Part of organisation, recipient, subject, token or Message-ID.", examples=["port"]
    )
    status: str = Field(
        "", description="A status' code, or `trouble` for those that need a person.", examples=["sent"]
    )
    type: str = Field("", description="A class of the RSIT taxonomy.", examples=["vulnerable-system"])
    organisation: str = Field("", description="Part of the organisation's name.")
    language: str = Field("", description="en, es, fr or pt-br.")
    trouble: str = Field("", description="Code of what is in the way.")
    since: str = Field("", description="Begun since this day, YYYY-MM-DD.", examples=["2026-11-01"])


Reason = Annotated[str, Query(max_length=400, description="Why, for the audit log.")]


@router.get("notices", response=ListOf[NoticeOut], summary="List notices")
def notices(request: HttpRequest, filters: Query[NoticeQuery], paging: Query[Paging]) -> Any:
    """What was told, and what waits to be told, latest first."""
    found = NOTICES.filtered(request.GET, queries.visible_to(asker(request)))
    return page(request, found, ("-created_at", "pk"), paging, _out)


@router.get("notices/{uuid:notice_id}", response=NoticeDetail, summary="Get one notice")
def notice(request: HttpRequest, notice_id: UUID) -> Any:
    """One notice with its text and the findings that it speaks of."""
    found = _one(request, notice_id)
    findings = [str(key) for key in found.items.order_by("pk").values_list("finding_key", flat=True)]
    return {**_out(found), "body": found.body, "findings": findings}


@router.post("notices/{uuid:notice_id}/hold", response=NoticeOut, auth=sending, summary="Hold a notice back")
def hold(request: HttpRequest, notice_id: UUID, reason: Reason = "") -> Any:
    """Keep a notice back until somebody releases it."""
    return _out(actions.hold(_one(request, notice_id), by=asker(request), reason=reason))


@router.post(
    "notices/{uuid:notice_id}/release", response=NoticeOut, auth=sending, summary="Release a held notice"
)
def release(request: HttpRequest, notice_id: UUID, reason: Reason = "") -> Any:
    """Let a held notice go on at once. What its marking or a key that cannot be used forbids stays held: that is decided
    on the notice's page, by somebody who sees why."""
    return _out(actions.release(_one(request, notice_id), by=asker(request), reason=reason))


@router.post(
    "notices/{uuid:notice_id}/send", response=NoticeOut, auth=sending, summary="Send a waiting notice now"
)
def send(request: HttpRequest, notice_id: UUID) -> Any:
    """Do not wait for the notice's time."""
    return _out(actions.send_now(_one(request, notice_id), by=asker(request)))


def _one(request: HttpRequest, notice_id: UUID) -> Notice:
    return one(queries.visible_to(asker(request)), notice_id, "notice")
