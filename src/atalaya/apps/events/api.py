"""The API of events and findings, as far as the token's owner may see."""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Path, Query, Router, Schema
from ninja.errors import HttpError
from pydantic import ConfigDict, WithJsonSchema

from atalaya.apps.events import downloads, explorer, export, queries
from atalaya.apps.events.continued import continued, last_of
from atalaya.apps.events.explorer import Asked
from atalaya.apps.events.marks.queries import with_word
from atalaya.apps.events.models import Finding
from atalaya.apps.people.rights import Right, api_auth, asker
from atalaya.apps.reference import queries as reference
from atalaya.core.enrich.kev import Kev
from atalaya.core.enrich.vulnerabilities import cves_of
from atalaya.core.errors import BadInput
from atalaya.web.paging import ListOf, Moment, Paging, Place, page

router = Router(tags=["events"], auth=api_auth.needing(Right.READ_EVENTS))

SHA256 = re.compile("[0-9a-f]{64}")
KEY = re.compile(r"-?\d{1,19}")

Order = Literal["newest", "oldest", "address"]
Format = Literal["json", "csv", "intelmq", "parquet", "stix"]


class EventQuery(Schema):
    """Filters of the explorer, all of which must hold: `q` in the query language, and the fields of the form."""

    q: str = Field("", description="A question in one line.", examples=["class:scanner port:23 since:7d"])
    address: str = Field("", description="An address or a prefix.", examples=["192.0.2.0/24"])
    asn: str = Field("", description="An AS number.", examples=["AS64500"])
    domain: str = Field("", description="A domain, with all that is below it.", examples=["example.org"])
    organisation: str = Field("", description="The owner's identifier.")
    type: str = Field("", description="A class of the RSIT taxonomy.", examples=["vulnerable-system"])
    feed: str = Field("", description="Code of a feed.", examples=["shadowserver-scan-rdp"])
    since: str = Field(
        "",
        description="First day, YYYY-MM-DD in the node's time zone. Without it: 30 days back.",
        examples=["2026-11-01"],
    )
    until: str = Field("", description="Last day, YYYY-MM-DD.", examples=["2026-11-30"])
    severity: str = Field("", description="info, low, medium, high or critical.")
    identifier: str = Field("", description="classification.identifier.", examples=["open-rdp"])
    malware: str = Field("", description="malware.name.")
    port: str = Field("", description="source.port.", examples=["3389"])
    country: str = Field("", description="Two letters.", examples=["TT"])
    finding: str = Field("", description="Number of a finding.")
    file: str = Field("", description="SHA-256 of a feed file.")
    unowned: bool = Field(False, description="Only events that nobody in the registry owns.")
    order: Literal["", "newest", "oldest", "address"] = Field(
        "", description="`newest` unless told otherwise."
    )


Event = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "title": "Event",
            "type": "object",
            "description": "One observation, by the field names of IntelMQ's data format; empty fields are left out. "
            "`owner` and `owners` are organisations, `finding` is what the owner has to fix, `raw.file` and `raw.row` "
            "are where it was read.",
            "example": {
                "time.source": "2026-11-20T10:00:00+00:00",
                "classification.taxonomy": "vulnerable",
                "classification.type": "vulnerable-system",
                "classification.identifier": "open-rdp",
                "source.ip": "192.0.2.7",
                "source.port": 3389,
                "severity": "high",
                "feed.code": "shadowserver-scan-rdp",
                "raw.file": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "raw.row": 1,
            },
        }
    ),
]


class FindingOut(Schema):
    """What an owner has to fix. `severity` is 0 unknown, 1 info, 2 low, 3 medium, 4 high, 5 critical; `id` is a number
    of 64 bits, as text because not every language holds it as a number."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "-4611686018427387904",
                "organisation": "0c2f4a52-6f0e-4b6e-9a53-0d3b6f6c8a11",
                "organisation_name": "Port Authority",
                "feed": "shadowserver-scan-rdp",
                "taxonomy": "vulnerable",
                "type": "vulnerable-system",
                "identifier": "open-rdp",
                "severity": 4,
                "address": "192.0.2.7",
                "port": 3389,
                "malware": "",
                "cves": ["CVE-2021-44228"],
                "known_exploited": True,
                "first_seen": "2026-11-18T10:00:00Z",
                "last_seen": "2026-11-20T10:00:00Z",
                "count": 3,
                "status": "open",
                "changed_at": "2026-11-18T10:00:00Z",
                "word": "solved",
                "said_solved_seen_again": 0,
            }
        }
    )
    id: str
    organisation: UUID | None
    organisation_name: str
    feed: str
    taxonomy: str
    type: str
    identifier: str
    severity: int
    address: str
    port: int | None
    malware: str
    cves: list[str]
    known_exploited: bool
    first_seen: datetime
    last_seen: datetime
    count: int
    status: str
    changed_at: datetime
    word: str
    said_solved_seen_again: int


class FindingQuery(Schema):
    """Filters of the list of findings."""

    organisation: UUID | None = Field(None, description="The owner.")
    type: str = Field("", description="A class of the RSIT taxonomy.", examples=["vulnerable-system"])
    status: Literal["", "open", "gone", "back", "solved", "accepted", "doubted", "wrong"] = Field(
        "", description="How it stands."
    )
    word: Literal["", "solved", "wrong", "accepted"] = Field("", description="What its owner says of it.")
    feed: str = Field("", description="Code of a feed.")
    address: str = Field("", description="Exactly this address.", examples=["192.0.2.7"])
    severity: int = Field(0, ge=0, le=5, description="At least so severe.")
    changed_since: Moment | None = Field(None, description="Opened, closed or come back since.")
    seen_since: Moment | None = Field(None, description="Last seen since.")


LOOKUPS = {"severity": "severity__gte", "changed_since": "changed_at__gte", "seen_since": "last_seen__gte"}
FINDING_ORDERS = {"newest": ("-last_seen", "pk"), "number": ("pk",)}


@router.get("events", response=ListOf[Event], summary="List events")
def list_events(
    request: HttpRequest,
    filters: Query[EventQuery],
    paging: Query[Paging],
    format: Annotated[
        Format, Query(description="Every format but `json` gives all of them at once, without pages.")
    ] = "json",
) -> Any:
    """Events that answer all of the filters, newest first.

    With `format=csv`, `intelmq`, `parquet` or `stix` the answer is a file of that kind, as far as the events' markings let
    them leave the node.
    """
    user = asker(request)
    question = _checked(filters, user).question()
    table, scope = queries.event_table(), queries.scope_of(user)
    if format != "json":
        return downloads.download(format, question, user)
    place = Place.of(request, paging.cursor)
    asked = continued(question, place.values).with_limit(paging.limit + 1)
    found = table.rows(asked)
    rows = found.head(paging.limit)
    return {
        "count": table.count(question) if place.values is None else None,
        "results": export.as_objects(queries.for_reader(rows, scope)),
        "next": place.after(last_of(rows, question.order)) if found.height > rows.height else None,
    }


def _checked(filters: EventQuery, user: Any) -> Asked:
    found = explorer.asked(filters.dict(), user)
    if found.problem is not None:
        raise found.problem
    if found.line is None:
        errors = found.form.errors.items()
        told = "; ".join(f"{name}: {' '.join(map(str, problems))}" for name, problems in errors)
        raise BadInput(told, advice="Mend these parameters.")
    return found


@router.get("events/{raw_file}/{int:raw_row}", response=Event, summary="Get one event")
def get_event(
    request: HttpRequest,
    raw_file: Annotated[str, Path(description="SHA-256 of the feed file that it was in.")],
    raw_row: Annotated[int, Path(description="Its row there, the header being row 0.")],
) -> Any:
    """One event by where it was read."""
    known = SHA256.fullmatch(raw_file) and raw_row < 2**63
    found = queries.one_event(asker(request), raw_file, raw_row) if known else None
    if found is None:
        raise HttpError(404, "There is no such event.")
    return export.as_object(found)


@router.get("findings", response=ListOf[FindingOut], tags=["findings"], summary="List findings")
def list_findings(
    request: HttpRequest,
    filters: Query[FindingQuery],
    paging: Query[Paging],
    order: Annotated[
        Literal["newest", "number"],
        Query(
            description="`newest`: last seen first. `number`: an order that no later sighting changes, to read all of them."
        ),
    ] = "newest",
) -> Any:
    """What owners have to fix, last seen first."""
    wanted = {
        LOOKUPS.get(name, name): value for name, value in filters.dict().items() if value not in (None, "", 0)
    }
    found = with_word(queries.findings_visible_to(asker(request))).filter(**wanted)
    return page(
        request, found, FINDING_ORDERS[order], paging, partial(finding_out, catalogue=reference.kev())
    )


@router.get("findings/{key}", response=FindingOut, tags=["findings"], summary="Get one finding")
def get_finding(request: HttpRequest, key: Annotated[str, Path(description="Its number.")]) -> Any:
    """One finding by its number."""
    known = KEY.fullmatch(key) and -(2**63) <= int(key) < 2**63
    visible = with_word(queries.findings_visible_to(asker(request)))
    found = visible.filter(pk=int(key)).first() if known else None
    if found is None:
        raise HttpError(404, "There is no such finding.")
    return finding_out(found, catalogue=reference.kev())


def finding_out(one: Finding, *, catalogue: Kev) -> dict[str, Any]:
    """A finding as FindingOut. `catalogue` says what is known to be exploited."""
    cves = cves_of([one.cves], one.identifier)
    names = (
        "feed", "taxonomy", "type", "identifier", "severity", "address", "port", "malware", "first_seen", "last_seen",
        "count", "status", "changed_at",
    )  # fmt: skip
    return {
        "id": str(one.pk),
        "organisation": one.organisation_id,
        "organisation_name": one.organisation.name if one.organisation else "",
        "cves": cves,
        "known_exploited": any(cve in catalogue.entries for cve in cves),
        "word": one.word or "",  # type: ignore[attr-defined]
        "said_solved_seen_again": one.again,  # type: ignore[attr-defined]
        **{name: getattr(one, name) for name in names},
    }
