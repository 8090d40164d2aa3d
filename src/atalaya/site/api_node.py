"""The API of the node itself: its background work and its audit log.

It stands in the process and not in an app: jobs and records lie below the app that knows tokens.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status
from pydantic import ConfigDict

from atalaya import __version__
from atalaya.apps.jobs import actions, queries
from atalaya.apps.jobs.models import Job
from atalaya.apps.people.rights import Right, api_auth, asker
from atalaya.apps.records import queries as records
from atalaya.apps.records.listing import RECORDS
from atalaya.apps.records.models import Record
from atalaya.web.paging import ListOf, Paging, one, page

router = Router(tags=["node"], auth=api_auth.needing(Right.MANAGE_NODE))
reading = api_auth.needing(Right.READ_RECORDS)

JOB: dict[str, Any] = {
    "id": "8d5f7b2a-4c51-4d0e-b1f7-3d8a7e2b9c41",
    "name": "notices.deliver",
    "status": "dead",
    "attempts": 5,
    "max_attempts": 5,
    "enqueued_at": "2026-11-20T11:00:02Z",
    "run_after": "2026-11-20T12:00:02Z",
    "finished_at": "2026-11-20T13:00:05Z",
    "error": "The mail server did not answer.",
}


class JobCounts(Schema):
    """Background work: waiting, running and given up now, done in the last 24 hours."""

    ready: int
    running: int
    dead: int
    done: int


class ScheduleOut(Schema):
    """Periodic work, and when it is next due."""

    name: str
    next_run: datetime


class NodeOut(Schema):
    """What a monitoring program wants to know of the node."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "CSIRT",
                "state": "TT",
                "version": "0.1.0",
                "jobs": {"ready": 2, "running": 1, "dead": 0, "done": 340},
                "schedules": [{"name": "events.close_gone", "next_run": "2026-11-20T12:00:00Z"}],
            }
        }
    )
    name: str
    state: str
    version: str
    jobs: JobCounts
    schedules: list[ScheduleOut]


class JobOut(Schema):
    """One piece of background work. `dead` was given up and waits for a person's decision."""

    model_config = ConfigDict(json_schema_extra={"example": JOB})
    id: UUID
    name: str
    status: str
    attempts: int
    max_attempts: int
    enqueued_at: datetime
    run_after: datetime
    finished_at: datetime | None
    error: str


class JobQuery(Schema):
    """Filters of the list of jobs."""

    status: Literal["", "ready", "running", "done", "dead"] = Field("", description="How it stands.")
    name: str = Field("", description="Name of the work.", examples=["notices.deliver"])


class RecordOut(Schema):
    """One entry of the audit log, with its hash and that of the entry before."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "seq": 17,
                "id": "0f6b1f3e-98a5-4a3b-9d62-6f3a7c6d1e55",
                "at": "2026-11-20T11:00:00Z",
                "by": "Handler",
                "verb": "registry.network.added",
                "target_kind": "registry.network",
                "target_id": "b9a8f9f4-7a0e-4f0b-8b5c-4a9f0f3f2d01",
                "state": "TT",
                "detail": {"value": "192.0.2.0/24"},
                "previous": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "hash": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
            }
        }
    )
    seq: int
    id: UUID
    at: datetime
    by: str
    verb: str
    target_kind: str
    target_id: str
    state: str
    detail: dict[str, Any]
    previous: str
    hash: str


class RecordQuery(Schema):
    """Filters of the audit log."""

    q: str = Field("", description="Who, what or which.", examples=["Handler"])
    verb: str = Field("", description="Exactly this verb.", examples=["registry.network.added"])
    since: str = Field("", description="First day, YYYY-MM-DD.", examples=["2026-11-01"])
    until: str = Field("", description="Last day, YYYY-MM-DD.")


@router.get("node", response=NodeOut, summary="Ask how the node is")
def node(request: HttpRequest) -> Any:
    """Version, background work and when periodic work is due. `jobs.dead` above 0 wants a person."""
    config = settings.CONFIG.node
    schedules = [{"name": one.name, "next_run": one.next_run} for one in queries.schedules()]
    return {
        "name": config.name,
        "state": config.state,
        "version": __version__,
        "jobs": queries.counts(),
        "schedules": schedules,
    }


@router.get("jobs", response=ListOf[JobOut], summary="List background work")
def jobs(request: HttpRequest, filters: Query[JobQuery], paging: Query[Paging]) -> Any:
    """Background work, what was asked for last first."""
    wanted = {name: value for name, value in filters.dict().items() if value}
    return page(request, Job.objects.filter(**wanted), ("-enqueued_at", "pk"), paging, _job_out)


@router.get("jobs/{uuid:pk}", response=JobOut, summary="Get one job")
def job(request: HttpRequest, pk: UUID) -> Any:
    """One piece of background work, with its error."""
    return _job_out(_job(pk))


@router.post("jobs/{uuid:pk}/retry", response=JobOut, summary="Let a given-up job try again")
def retry(request: HttpRequest, pk: UUID) -> Any:
    """Begin again from the first attempt. A job that was not given up is refused."""
    found = _job(pk)
    actions.retry(found, by=asker(request))
    found.refresh_from_db()
    return _job_out(found)


@router.delete("jobs/{uuid:pk}", response={204: None}, summary="Discard a given-up job")
def discard(request: HttpRequest, pk: UUID) -> Any:
    """Forget a job that was given up. Any other one is refused."""
    actions.discard(_job(pk), by=asker(request))
    return Status(204, None)


def _job(pk: UUID) -> Job:
    return one(Job.objects.all(), pk, "job")


def _job_out(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in JOB}


@router.get(
    "records", response=ListOf[RecordOut], auth=reading, tags=["records"], summary="List audit records"
)
def audit(request: HttpRequest, filters: Query[RecordQuery], paging: Query[Paging]) -> Any:
    """Every change that somebody made, latest first, as far as your team's state goes."""
    found = RECORDS.filtered(request.GET, records.visible_to(asker(request)))
    return page(request, found, ("-seq",), paging, _record_out)


def _record_out(entry: Record) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in RecordOut.model_fields}
