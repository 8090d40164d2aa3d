"""Which findings are to be told now, and what was told of them before. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from atalaya.apps.events.models import Finding
from atalaya.apps.notices import timing
from atalaya.apps.notices.models import Notice, NoticeFinding

Status = Notice.Status
UNFINISHED = (Status.WAITING, Status.READY, Status.HELD)
ALIVE = (Finding.Status.OPEN, Finding.Status.BACK)
Key = tuple[int, UUID]
"""A finding and the organisation that was told of it: after a change of owner the new one knows nothing."""


@dataclass(frozen=True)
class Fresh:
    """A finding to tell, why now (`NoticeFinding.Change`), and when its owner was last told of it."""

    finding: Finding
    owner: UUID
    change: str
    told_before: datetime | None


def fresh(keys: Sequence[int], *, now: datetime) -> list[Fresh]:
    """Those of these findings that their owners are to be told of, by key. At most a few hundred keys in one call."""
    repeat = timedelta(days=settings.CONFIG.notices.repeat_days)
    least = settings.CONFIG.notices.least_severity
    known = Finding.objects.filter(key__in=keys, status__in=ALIVE, organisation__active=True)
    pending = _pending(keys, now - repeat)
    told = _told(keys)
    found = []
    for finding in known.select_related("organisation", "organisation__parent").order_by("key"):
        owner = finding.organisation_id
        if owner is None or (finding.key, owner) in pending:
            continue
        before = told.get((finding.key, owner)) if finding.notified_at else None
        if before is None and finding.notified_at:
            before = timing.Told(finding.notified_at)
        change = timing.change_of(finding, before, now=now, repeat=repeat)
        if change and timing.is_grave_enough(finding.severity, least):
            found.append(Fresh(finding, owner, change, before.at if before else None))
    return found


def _pending(keys: Iterable[int], failed_after: datetime) -> set[Key]:
    """What a notice that did not leave yet speaks of already, or one that failed lately: people see those."""
    waits = Q(notice__status__in=UNFINISHED) | Q(
        notice__status=Status.FAILED, notice__created_at__gt=failed_after
    )
    items = NoticeFinding.objects.filter(waits, finding_key__in=keys)
    return set(items.values_list("finding_key", "notice__organisation"))


def _told(keys: Iterable[int]) -> dict[Key, timing.Told]:
    """What was last told of each, to the organisation that was told."""
    items = NoticeFinding.objects.filter(finding_key__in=keys, notice__status=Status.SENT).order_by(
        "notice__sent_at"
    )
    return {
        (key, organisation): timing.Told(at, severity, changed_at)
        for key, organisation, at, severity, changed_at in items.values_list(
            "finding_key", "notice__organisation", "notice__sent_at", "severity", "changed_at"
        )
        if at is not None
    }
