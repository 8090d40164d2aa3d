"""The API of reference files: what is loaded, load one, remove one."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, BinaryIO, Literal, cast
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from ninja import Field, Query, Router, Schema, Status
from pydantic import ConfigDict

from atalaya.apps.people.rights import Right, api_auth, asker
from atalaya.apps.reference import actions, queries
from atalaya.apps.reference.listing import REFERENCE_FILES
from atalaya.apps.reference.models import ReferenceFile
from atalaya.core.errors import BadInput
from atalaya.web.paging import ListOf, Paging, one, page

router = Router(tags=["reference"], auth=api_auth.needing(Right.MANAGE_NODE))

Kind = Literal["city", "country", "asn", "delegated", "reverse", "kev"]

EXAMPLE: dict[str, Any] = {
    "id": "2b7f5c1d-3f5d-4a3c-8f5e-5d0c7c0e9e10",
    "kind": "delegated",
    "part": "lacnic",
    "name": "delegated-lacnic-latest",
    "title": "lacnic 20261119",
    "status": "ready",
    "message": "",
    "released": "2026-11-19",
    "rows": 41200,
    "size": 2400000,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "loaded_at": "2026-11-20T11:00:00Z",
    "loaded_by": "Administrator",
    "url": "/api/v1/reference/2b7f5c1d-3f5d-4a3c-8f5e-5d0c7c0e9e10",
}
BODY = {
    "requestBody": {
        "required": True,
        "description": "The file, unpacked.",
        "content": {"application/octet-stream": {"schema": {"type": "string"}, "example": "192.0.2.7,mail.port.example\n"}},
    }
}  # fmt: skip


class ReferenceOut(Schema):
    """A reference file. `status` is waiting, ready (in use) or failed, with the reason in `message`; `released` is the day
    that the file says it was made on. `loaded_by` is empty for the command line."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})
    id: UUID
    kind: str
    part: str
    name: str
    title: str
    status: str
    message: str
    released: date | None
    rows: int
    size: int
    sha256: str
    loaded_at: datetime
    loaded_by: str
    url: str


class ReferenceQuery(Schema):
    """Filters of the list of reference files."""

    kind: Literal["", Kind] = Field("", description="Kind of file.", examples=["kev"])
    status: Literal["", "waiting", "ready", "failed"] = Field("", description="How it stands.")


@router.get("reference", response=ListOf[ReferenceOut], summary="List reference files")
def list_reference_files(request: HttpRequest, filters: Query[ReferenceQuery], paging: Query[Paging]) -> Any:
    """What events are filled from and held against, latest first."""
    found = REFERENCE_FILES.filtered(request.GET, queries.visible_to(asker(request)))
    return page(request, found, ("-loaded_at", "pk"), paging, _out)


@router.get(
    "reference/{uuid:pk}", response=ReferenceOut, url_name="get_reference_file", summary="Get one reference file"
)  # fmt: skip
def get_reference_file(request: HttpRequest, pk: UUID) -> Any:
    """One reference file: whether it is in use, and what is wrong with one that failed."""
    return _out(_one(request, pk))


@router.post("reference", response={202: ReferenceOut}, summary="Load a reference file", openapi_extra=BODY)
def load_reference_file(
    request: HttpRequest,
    kind: Annotated[Kind, Query(description="Kind of file.", examples=["reverse"])],
    name: Annotated[str, Query(max_length=255, description="The file's name, for people.")] = "",
) -> Any:
    """Load a file, or another in the place of one. It is compiled after the answer: ask `url` until its status is ready or
    failed. The file before it stays in use until then, and for good when this one is broken."""
    if not int(request.META.get("CONTENT_LENGTH") or 0):
        raise BadInput("The body is empty.", advice="Send the file as it is.")
    row = actions.load(cast(BinaryIO, request), by=asker(request), kind=kind, name=name or kind)
    return Status(202, _out(row))


@router.delete("reference/{uuid:pk}", response={204: None}, summary="Remove a reference file")
def remove_reference_file(request: HttpRequest, pk: UUID) -> Any:
    """Take a file out of use. Events that were filled from it keep what they have."""
    actions.remove(_one(request, pk), by=asker(request))
    return Status(204, None)


def _one(request: HttpRequest, pk: UUID) -> ReferenceFile:
    return one(queries.visible_to(asker(request)), pk, "reference file")


def _out(row: ReferenceFile) -> dict[str, Any]:
    names = set(EXAMPLE) - {"id", "loaded_by", "url"}
    return {
        "id": row.pk,
        **{name: getattr(row, name) for name in names},
        "loaded_by": str(row.loaded_by or ""),
        "url": reverse("api:get_reference_file", args=[row.pk]),
    }
