"""What a webhook is told: how findings differ from what it knows, and the JSON that says so.

The format is documented for receivers in docs/formats/webhook.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import timezone

from atalaya.apps.events.marks.queries import IN_FORCE
from atalaya.apps.events.models import Finding, Mark
from atalaya.apps.portal.models import Told, Webhook
from atalaya.apps.registry.queries import with_children
from atalaya.core.schema.columns import SEVERITIES

Status = Finding.Status
MARKED = frozenset({Status.SOLVED, Status.ACCEPTED, Status.DOUBTED, Status.WRONG})
EVENTS = {Status.OPEN: "finding.opened", Status.BACK: "finding.back", Status.GONE: "finding.gone"}
MOST = 5000
"""Findings told in one go; the rest is told the next time."""


@dataclass(frozen=True)
class Change:
    """A finding whose status is not what the webhook knows: `event` is what happened."""

    finding: Finding
    event: str


def differences(hook: Webhook, *, most: int = MOST) -> list[Change]:
    """Everything that a webhook has not been told yet, in the order of keys. A finding that was over before the
    webhook ever heard of it is left out."""
    family = with_children([hook.organisation_id])
    known = dict(Told.objects.filter(webhook=hook).values_list("finding_key", "status"))
    now = Finding.objects.filter(organisation__in=family).order_by("pk").values_list("pk", "status")
    fresh = [
        key
        for key, status in now.iterator(chunk_size=5000)
        if status != known.get(key, "") and not (status == Status.GONE and key not in known)
    ][:most]
    found: list[Change] = []
    for at in range(0, len(fresh), 500):
        rows = Finding.objects.filter(pk__in=fresh[at : at + 500]).order_by("pk")
        found += [Change(one, event_of(one.status, known.get(one.pk, ""))) for one in rows]
    return found


def event_of(status: str, was: str) -> str:
    """What happened to a finding that had the status `was` ("" for one that is new to the receiver)."""
    if status in MARKED or was in MARKED and status == Status.OPEN:
        return "finding.marked"
    return EVENTS[Status(status)]


def body(hook: Webhook, kind: str, changes: Sequence[Change]) -> dict[str, Any]:
    """The message, ready for JSON: `kind` is "findings", or "test" without any."""
    keys = [one.finding.pk for one in changes]
    marks = {one.finding_id: one for one in Mark.objects.filter(IN_FORCE, finding__in=keys)}
    return {
        "version": 1,
        "kind": kind,
        "made": timezone.now().isoformat(timespec="seconds"),
        "organisation": {"id": str(hook.organisation_id), "name": hook.organisation.name},
        "events": [_event(one, marks.get(one.finding.pk)) for one in changes],
    }


def _event(change: Change, mark: Mark | None) -> dict[str, Any]:
    finding = change.finding
    told = {
        "event": change.event,
        "finding": {
            "id": str(finding.pk),
            "url": f"{settings.CONFIG.url}/events/findings/{finding.pk}/",
            "organisation": str(finding.organisation_id),
            "class": finding.type,
            "identifier": finding.identifier,
            "severity": SEVERITIES[finding.severity],
            "address": finding.address,
            "port": finding.port,
            "malware": finding.malware,
            "feed": finding.feed,
            "status": finding.status,
            "first_seen": finding.first_seen.isoformat(),
            "last_seen": finding.last_seen.isoformat(),
            "count": finding.count,
        },
    }
    if mark is not None and mark.organisation_id == finding.organisation_id:
        told["mark"] = {
            "kind": mark.kind,
            "by": mark.by_name,
            "at": mark.at.isoformat(),
            "reason": mark.reason,
            "until": mark.until.isoformat() if mark.until else None,
            "verdict": mark.verdict,
        }
    return told
