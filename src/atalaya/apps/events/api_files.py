"""The API of feed files: send one in, ask what became of it, see what was refused; and the feeds that the node reads."""

from __future__ import annotations

import gzip
import json
import tempfile
import zlib
from datetime import datetime
from typing import Annotated, Any, BinaryIO, cast
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from ninja import Field, Query, Schema, Status
from pydantic import ConfigDict

from atalaya.apps.events import actions, own_feeds, queries
from atalaya.apps.events.api import router as router
from atalaya.apps.events.models import Ingest, Reject
from atalaya.apps.people.rights import Right, api_auth, asker
from atalaya.core import limits
from atalaya.core.errors import BadInput, Temporary, TooLarge
from atalaya.core.feeds import Feed
from atalaya.web.paging import ListOf, Moment, Paging, one, page

FILES = ["files"]
writing = api_auth.needing(Right.WRITE_EVENTS)

SMALL_ROWS = 5_000
"""Files up to this many lines are processed before the answer."""
ARRAY_BYTES = 16 * limits.MIB
"""Largest JSON array; more goes as JSON lines, which are read as a stream."""
CHUNK = 1024 * 1024
FINISHED = (Ingest.Status.DONE, Ingest.Status.FAILED)

INTELMQ = '{"feed.code": "own", "time.source": "2026-11-20T10:00:00+00:00", "source.ip": "192.0.2.7", "classification.type": "scanner"}'
BODY = {
    "requestBody": {
        "required": True,
        "description": "Events or a feed file, plain or packed as gzip.",
        "content": {
            "application/x-ndjson": {"schema": {"type": "string"}, "example": INTELMQ + "\n"},
            "text/csv": {
                "schema": {"type": "string"},
                "example": "timestamp,ip,port\n2026-11-20 10:00:00,192.0.2.7,3389\n",
            },
        },
    }
}


class FileOut(Schema):
    """What became of a file. `read = kept + doubled + rejected` once `status` is done; `reasons` say how many rows were
    refused for what; `new` is false for a file that came before, which adds nothing."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "5d0c7c0e-3f5d-4a3c-8f5e-2b7f5c1d9e10",
                "name": "2026-11-20-scan_rdp-tt.csv",
                "status": "done",
                "new": True,
                "feed": "shadowserver-scan-rdp",
                "read": 120,
                "kept": 118,
                "doubled": 1,
                "rejected": 1,
                "new_findings": 12,
                "reasons": {"source.ip: not an address": 1},
                "message": "",
                "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "received_at": "2026-11-20T11:00:00Z",
                "finished_at": "2026-11-20T11:00:02Z",
                "url": "/api/v1/files/5d0c7c0e-3f5d-4a3c-8f5e-2b7f5c1d9e10",
            }
        }
    )
    id: UUID
    name: str
    status: str
    new: bool
    feed: str
    read: int
    kept: int
    doubled: int
    rejected: int
    new_findings: int
    reasons: dict[str, int]
    message: str
    sha256: str
    received_at: datetime
    finished_at: datetime | None
    url: str


class FileQuery(Schema):
    """Filters of the list of files."""

    status: str = Field("", description="waiting, running, stored, done or failed.", examples=["failed"])
    feed: str = Field("", description="Code of a feed.")
    received_since: Moment | None = Field(None, description="Received since.")


class RejectOut(Schema):
    """A row that was refused: where, why, and its text. `count` above 1 stands for rows that were not kept one by one."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "row": 17,
                "field": "source.ip",
                "reason": "not an address",
                "count": 1,
                "raw": '"2026-11-20","x"',
            }
        }
    )
    row: int | None
    field: str
    reason: str
    count: int
    raw: str


class FeedOut(Schema):
    """A feed that this node reads; `last` and `rows` tell of the files that you may see."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": "shadowserver-scan-rdp",
                "name": "Accessible RDP",
                "provider": "Shadowserver",
                "documentation": "https://www.shadowserver.org/",
                "type": "vulnerable-system",
                "last": "2026-11-20T11:00:00Z",
                "rows": 118,
            }
        }
    )
    code: str
    name: str
    provider: str
    documentation: str
    type: str
    last: datetime | None
    rows: int


class Feeds(Schema):
    """Every feed that the node reads, by code."""

    results: list[FeedOut]


@router.post(
    "events",
    response={200: FileOut, 202: FileOut},
    auth=writing,
    summary="Send events or a feed file",
    openapi_extra=BODY,
)
def add_events(
    request: HttpRequest,
    feed: Annotated[
        str, Query(max_length=80, description="Code of the feed, for a file that is not IntelMQ JSON.")
    ] = "",
    name: Annotated[
        str, Query(max_length=255, description="The file's name, for people and to find its feed by.")
    ] = "",
) -> Status[FileOut]:
    """IntelMQ events as a JSON array or JSON lines, or a file of the feed given by `?feed=`. The body may be packed as gzip.

    A body that came before adds nothing. Up to 5,000 lines are processed before the answer (200); a longer body is
    answered at once (202), and `url` says where to ask what became of it. A bad row is refused by itself, with its reason.
    """
    user = asker(request)
    state = queries.state_of(user)
    with tempfile.TemporaryFile() as body:
        _read_body(request, body)
        start, small = _look(body)
        if start == b"[":
            _array_to_lines(body)
        kind = name or ("events.csv" if start not in (b"[", b"{") else "events.jsonl")
        body.seek(0)
        row, created = actions.receive(
            cast(BinaryIO, body), by=user, state=state, name=kind, channel=Ingest.Channel.API,
            feed=feed or ("" if kind == "events.csv" else "intelmq-json"), most=limits.UPLOAD_BYTES,
        )  # fmt: skip
    if small and row.status not in FINISHED:
        row = _process_now(row)
    return Status(200 if row.status in FINISHED else 202, file_out(row, new=created))


def _process_now(row: Ingest) -> Ingest:
    try:
        return actions.process(row.pk)
    except Temporary:
        row.refresh_from_db()
        return row


def _read_body(request: HttpRequest, body: Any) -> None:
    size = 0
    while chunk := request.read(CHUNK):
        size += len(chunk)
        if size > limits.UPLOAD_BYTES:
            raise TooLarge("The body is too large.", advice="Send it in parts or use the command line.")
        body.write(chunk)
    if not size:
        raise BadInput("The body is empty.", advice="Send events as JSON, or a feed file with ?feed=CODE.")


def _look(body: Any) -> tuple[bytes, bool]:
    """First character that is not white space, and whether there are at most SMALL_ROWS lines."""
    body.seek(0)
    packed = body.read(2) == b"\x1f\x8b"
    body.seek(0)
    stream = gzip.GzipFile(fileobj=body) if packed else body
    start, lines, size = b"", 0, 0
    try:
        while lines <= SMALL_ROWS and size < ARRAY_BYTES and (chunk := stream.read(CHUNK)):
            start = start or chunk.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
            lines += chunk.count(b"\n")
            size += len(chunk)
    except (EOFError, OSError, zlib.error):
        return start, True  # a damaged archive is told of by the reader, row by row
    return start, lines <= SMALL_ROWS and size < ARRAY_BYTES


def _array_to_lines(body: Any) -> None:
    """Write a JSON array over as JSON lines."""
    body.seek(0)
    packed = body.read(2) == b"\x1f\x8b"
    body.seek(0)
    stream = gzip.GzipFile(fileobj=body) if packed else body
    try:
        text = stream.read(ARRAY_BYTES + 1)
        if len(text) > ARRAY_BYTES:
            raise TooLarge("The JSON array is too large.", advice="Send one JSON object per line instead.")
        events = json.loads(text)
    except (ValueError, EOFError, OSError, zlib.error, RecursionError) as error:
        raise BadInput("The body is not a JSON array.", advice="Check the JSON.") from error
    body.seek(0)
    body.truncate()
    for event in events:
        body.write(json.dumps(event, ensure_ascii=False).encode("utf-8", "replace") + b"\n")


@router.get("files", response=ListOf[FileOut], tags=FILES, summary="List feed files")
def list_files(request: HttpRequest, filters: Query[FileQuery], paging: Query[Paging]) -> Any:
    """The files that came in by any way, latest first."""
    asked = filters.dict()
    since = asked.pop("received_since")
    wanted = {name: value for name, value in asked.items() if value}
    found = queries.ingests_visible_to(asker(request)).filter(**wanted)
    found = found.filter(received_at__gte=since) if since else found
    return page(request, found, ("-received_at", "pk"), paging, file_out)


@router.get(
    "files/{uuid:file_id}", response=FileOut, url_name="get_file", tags=FILES, summary="Get one feed file"
)
def get_file(request: HttpRequest, file_id: UUID) -> FileOut:
    """What became of a file: how many of its rows were kept, doubled and rejected, and why."""
    return file_out(_file(request, file_id))


@router.get(
    "files/{uuid:file_id}/rejects",
    response=ListOf[RejectOut],
    tags=FILES,
    summary="List a file's rejected rows",
)
def list_rejects(request: HttpRequest, file_id: UUID, paging: Query[Paging]) -> Any:
    """The rows that were refused, in the order in which they were met, each with its place and reason."""
    return page(request, _file(request, file_id).rejects.all(), ("pk",), paging, _reject_out)


@router.post(
    "files/{uuid:file_id}/again",
    response=FileOut,
    auth=writing,
    tags=FILES,
    summary="Try a failed file again",
)
def try_again(
    request: HttpRequest, file_id: UUID,
    feed: Annotated[str, Query(max_length=80, description="Code of the feed to read it as.")] = "",
) -> FileOut:  # fmt: skip
    """Process a failed file once more, as a file of another feed if one is given. Any other file stays as it is."""
    row = _file(request, file_id)
    if feed and feed not in {one.code for one in _feeds(request)}:
        raise BadInput(f"feed: there is no feed {feed!r}.", advice="GET feeds lists them.")
    actions.try_again(row, by=asker(request), feed=feed)
    return file_out(row)


def _file(request: HttpRequest, file_id: UUID) -> Ingest:
    return one(queries.ingests_visible_to(asker(request)), file_id, "file")


def file_out(row: Ingest, *, new: bool = False) -> FileOut:
    """A file as the API gives it."""
    return FileOut(
        id=row.pk,
        name=row.name,
        status=row.status,
        new=new,
        feed=row.feed,
        read=row.rows_read,
        kept=row.rows_kept,
        doubled=row.rows_doubled,
        rejected=row.rows_rejected,
        new_findings=row.new_findings,
        reasons=queries.reasons(row) if row.rows_rejected else {},
        message=row.message,
        sha256=row.sha256,
        received_at=row.received_at,
        finished_at=row.finished_at,
        url=reverse("api:get_file", args=[row.pk]),
    )


def _reject_out(row: Reject) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("row", "field", "reason", "count", "raw")}


@router.get("feeds", response=Feeds, tags=["feeds"], summary="List feeds")
def list_feeds(request: HttpRequest) -> Any:
    """Every feed that the node reads, and when each last brought something. There are few hundred: no pages."""
    known = queries.files_by_feed(asker(request))
    found = sorted(_feeds(request), key=lambda feed: feed.code)
    return {"results": [_feed_out(feed, known.get(feed.code, {})) for feed in found]}


def _feeds(request: HttpRequest) -> list[Feed]:
    """The product's feeds, and the own ones of the asker's states."""
    return own_feeds.known(own_feeds.states_of(asker(request))).feeds


def _feed_out(feed: Feed, seen: dict[str, Any]) -> dict[str, Any]:
    same = {name: getattr(feed, name) or "" for name in ("code", "name", "provider", "documentation")}
    kind = str(feed.constants.get("classification.type", ""))
    return {**same, "type": kind, "last": seen.get("last"), "rows": seen.get("rows") or 0}
