"""The API's answer to "who am I": whose token this is and what it may do."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict

from atalaya.apps.people.rights import api_auth, token_of

router = Router(tags=["token"], auth=api_auth)


class TokenOut(Schema):
    """The token of this request. `scopes` are what it may do now: what it was made for, as far as its owner still may."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "1f0e5f5c-7d0c-4bb1-8a55-6f5f3b1f0a77",
                "name": "feed collector",
                "hint": "atl_4fJx",
                "user": "Handler",
                "role": "handler",
                "scopes": ["events:read", "events:write"],
                "expires_at": "2027-02-18T10:00:00Z",
            }
        }
    )
    id: UUID
    name: str
    hint: str
    user: str
    role: str
    scopes: list[str]
    expires_at: datetime | None


@router.get("token", response=TokenOut, summary="Ask what this token may do")
def token(request: HttpRequest) -> Any:
    """Whose token this is, what it may do and until when. Needs no scope, so it tells whether a token works at all."""
    known = token_of(request)
    assert known is not None, "the door lets nobody in without a token"
    same = {name: getattr(known, name) for name in ("id", "name", "hint", "expires_at")}
    return {**same, "user": known.user.name, "role": known.user.role, "scopes": sorted(known.user.rights)}
