"""The API of notices: what was told, as far as the token's owner may see."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.errors import HttpError

from atalaya.apps.notices import queries
from atalaya.apps.notices.listing import NOTICES
from atalaya.apps.notices.models import Notice
from atalaya.apps.people.rights import Right, api_auth, asker

router = Router(tags=["notices"], auth=api_auth.needing(Right.READ_NOTICES))


class NoticeOut(Schema):
    """A notice; codes instead of words. `findings` are the numbers of the findings that it speaks of."""

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

    body: str
    findings: list[str]


class Notices(Schema):
    """One page of notices."""

    count: int
    page: int
    pages: int
    results: list[NoticeOut]


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


@router.get("notices", response=Notices)
def notices(request: HttpRequest) -> dict[str, Any]:
    """One page of notices, by the filters of the page "Notices": text, status, type, organisation, language, trouble, since."""
    shown = NOTICES.shown(request.GET, queries.visible_to(asker(request)))
    if not shown.form.is_valid():
        raise HttpError(422, shown.form.errors.as_text())
    page = shown.page
    results = [_out(notice) for notice in page.object_list]
    return {"count": shown.count, "page": page.number, "pages": page.paginator.num_pages, "results": results}


@router.get("notices/{uuid:notice_id}", response=NoticeDetail)
def notice(request: HttpRequest, notice_id: UUID) -> dict[str, Any]:
    """One notice with its text."""
    found = queries.visible_to(asker(request)).filter(pk=notice_id).first()
    if found is None:
        raise HttpError(404, "There is no such notice.")
    findings = [str(key) for key in found.items.order_by("pk").values_list("finding_key", flat=True)]
    return {**_out(found), "body": found.body, "findings": findings}
