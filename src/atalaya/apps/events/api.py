"""The API of events: files in, events and findings out, as far as the token's owner may see."""

from __future__ import annotations

import gzip
import json
import tempfile
import zlib
from datetime import datetime
from typing import Any, BinaryIO, cast
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import reverse
from ninja import Query, Router, Schema, Status
from ninja.errors import HttpError

from atalaya.apps.events import actions, export, queries
from atalaya.apps.events.forms import EventFilter
from atalaya.apps.events.marks.queries import with_word
from atalaya.apps.events.models import Finding, Ingest
from atalaya.apps.people.rights import Right, api_auth, asker
from atalaya.core import limits
from atalaya.core.errors import BadInput, Temporary, TooLarge

router = Router(tags=["events"])

SMALL_ROWS = 5_000
"""Files up to this many lines are processed before the answer."""
ARRAY_BYTES = 16 * limits.MIB
"""Largest JSON array; more goes as JSON lines, which are read as a stream."""
CHUNK = 1024 * 1024


class FileOut(Schema):
    """What became of a file. `read = kept + doubled + rejected` once `status` is done."""

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
    url: str


class EventQuery(Schema):
    """Filters of the explorer; days are given as YYYY-MM-DD in the node's time zone."""

    address: str = ""
    asn: str = ""
    domain: str = ""
    organisation: str = ""
    type: str = ""
    feed: str = ""
    since: str = ""
    until: str = ""
    severity: str = ""
    identifier: str = ""
    malware: str = ""
    port: str = ""
    country: str = ""
    finding: str = ""
    file: str = ""
    unowned: bool = False
    order: str = ""


class EventsOut(Schema):
    """One page of events. `next` is the cursor of the following page, or null."""

    count: int
    events: list[dict[str, Any]]
    next: str | None


class FindingOut(Schema):
    """What an owner has to fix."""

    id: str
    organisation: str | None
    organisation_name: str
    feed: str
    taxonomy: str
    type: str
    identifier: str
    severity: int
    address: str
    port: int | None
    malware: str
    first_seen: datetime
    last_seen: datetime
    count: int
    status: str
    changed_at: datetime
    word: str
    said_solved_seen_again: int


class FindingsOut(Schema):
    """One page of findings. `next` is the cursor of the following page, or null."""

    count: int
    findings: list[FindingOut]
    next: str | None


class FindingQuery(Schema):
    """Filters of the list of findings. `word`: what the owner says of it."""

    organisation: UUID | None = None
    type: str = ""
    status: str = ""
    feed: str = ""
    address: str = ""
    word: str = ""


@router.post("events", response={200: FileOut, 202: FileOut}, auth=api_auth.needing(Right.WRITE_EVENTS))
def add_events(request: HttpRequest, feed: str = "", name: str = "") -> Status[FileOut]:
    """Add events: IntelMQ events as a JSON array or JSON lines, or a file of the feed given by `?feed=`.

    The body may be packed as gzip. A body that came before adds nothing. Up to 5,000 lines are processed before the
    answer (200); a longer body is answered at once (202), and `url` says where to ask what became of it.
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
    if small and row.status not in (Ingest.Status.DONE, Ingest.Status.FAILED):
        row = _process_now(row)
    unfinished = row.status not in (Ingest.Status.DONE, Ingest.Status.FAILED)
    return Status(202 if unfinished else 200, _file_out(row, new=created))


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


def _file_out(row: Ingest, *, new: bool) -> FileOut:
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
        reasons=queries.reasons(row),
        message=row.message,
        url=reverse("api:get_file", args=[row.pk]),
    )


@router.get(
    "files/{uuid:file_id}", response=FileOut, auth=api_auth.needing(Right.READ_EVENTS), url_name="get_file"
)
def get_file(request: HttpRequest, file_id: UUID) -> FileOut:
    """What became of a file."""
    try:
        row = queries.ingests_visible_to(asker(request)).get(pk=file_id)
    except ObjectDoesNotExist as error:
        raise HttpError(404, "There is no such file.") from error
    return _file_out(row, new=False)


@router.get("events", response=EventsOut, auth=api_auth.needing(Right.READ_EVENTS))
def list_events(
    request: HttpRequest, filters: Query[EventQuery], limit: int = 100, cursor: str = "", format: str = "json"
) -> Any:
    """Events, newest first, `limit` (at most 1,000) at a time; `format=intelmq` streams all as IntelMQ JSON lines."""
    user = asker(request)
    asked = _checked(filters, user)
    if format == "intelmq":
        question = queries.question_for(user, asked)
        return StreamingHttpResponse(
            export.as_intelmq(queries.event_table().batches(question)), content_type="application/x-ndjson"
        )
    offset, size = _offset(cursor), max(1, min(limit, 1000))
    question = queries.question_for(user, {**asked, "offset": offset, "limit": size})
    table = queries.event_table()
    total = table.count(question)
    rows = queries.for_reader(table.rows(question), queries.scope_of(user))
    return EventsOut(count=total, events=export.as_objects(rows), next=_next(offset, size, total))


def _checked(filters: EventQuery, user: Any) -> dict[str, Any]:
    form = EventFilter(filters.dict(), user=user, staff=queries.is_staff(user))
    if not form.is_valid():
        told = "; ".join(f"{name}: {' '.join(map(str, errors))}" for name, errors in form.errors.items())
        raise BadInput(told, advice="Mend these parameters.")
    return form.question()


def _offset(cursor: str) -> int:
    if not cursor:
        return 0
    if not cursor.isdigit() or len(cursor) > 12:
        raise BadInput("The cursor is not one that this API gave.", advice="Start without a cursor.")
    return int(cursor)


def _next(offset: int, size: int, total: int) -> str | None:
    return str(offset + size) if offset + size < total else None


@router.get("findings", response=FindingsOut, auth=api_auth.needing(Right.READ_EVENTS))
def list_findings(
    request: HttpRequest, filters: Query[FindingQuery], limit: int = 100, cursor: str = ""
) -> FindingsOut:
    """Findings, last seen first, `limit` (at most 1,000) at a time."""
    wanted = {name: value for name, value in filters.dict().items() if value not in (None, "")}
    visible = with_word(queries.findings_visible_to(asker(request)))
    found = visible.filter(**wanted).order_by("-last_seen", "pk")
    offset, size, total = _offset(cursor), max(1, min(limit, 1000)), found.count()
    rows = [_finding_out(one) for one in found[offset : offset + size]]
    return FindingsOut(count=total, findings=rows, next=_next(offset, size, total))


def _finding_out(one: Finding) -> FindingOut:
    names = (
        "feed", "taxonomy", "type", "identifier", "severity", "address", "port", "malware", "first_seen", "last_seen",
        "count", "status", "changed_at",
    )  # fmt: skip
    return FindingOut(
        id=str(one.pk),
        organisation=str(one.organisation_id) if one.organisation_id else None,
        organisation_name=one.organisation.name if one.organisation else "",
        word=one.word or "",  # type: ignore[attr-defined]
        said_solved_seen_again=one.again,  # type: ignore[attr-defined]
        **{name: getattr(one, name) for name in names},
    )
