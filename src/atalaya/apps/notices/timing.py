"""When a finding is told, and when a notice leaves. Pure: every question says what time it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from atalaya.apps.events.models import Finding
from atalaya.apps.notices.models import NoticeFinding
from atalaya.core.schema.columns import SEVERITIES

Change = NoticeFinding.Change

AT_ONCE_EVERY = timedelta(hours=1)
"""A critical organisation is told at once; what comes within this time after that is gathered into one more notice."""
PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240, 480, 720, 1440, 1440, 1440))
"""How long to wait after each attempt that the mail server put off. After the last one the notice has failed."""


@dataclass(frozen=True)
class Told:
    """What a finding was like when its owner was last told of it."""

    at: datetime
    severity: int | None = None
    changed_at: datetime | None = None


def is_grave_enough(severity: int, least: str) -> bool:
    """Whether a finding is told. One whose severity nobody knows counts as low: silence would be a guess, too."""
    rank = severity or SEVERITIES.index("low")
    return rank >= SEVERITIES.index(least)


def change_of(finding: Finding, told: Told | None, *, now: datetime, repeat: timedelta) -> str:
    """Why this finding is to be told now: a `NoticeFinding.Change`, or "" when it is not."""
    if finding.status not in (Finding.Status.OPEN, Finding.Status.BACK):
        return ""
    back = finding.status == Finding.Status.BACK
    if told is None:
        return Change.BACK if back else Change.NEW
    if back and finding.changed_at != (told.changed_at or told.at) and _later(finding.changed_at, told):
        return Change.BACK
    if told.severity is not None and finding.severity > told.severity:
        return Change.WORSE
    return Change.STILL if told.at <= now - repeat else ""


def _later(changed_at: datetime, told: Told) -> bool:
    # The time of a change is that of the event; a late file can carry one from before the last notice left.
    return changed_at > (told.changed_at or told.at)


def departure(
    now: datetime, *, at_once: bool, last: datetime | None, digest_hour: int, window: timedelta, zone: tzinfo
) -> datetime:
    """When a notice that begins now leaves. `last` is when the one before it, of the same kind, was due to leave.

    At once for critical organisations, at most once in AT_ONCE_EVERY; otherwise at the first digest hour in `zone` that is
    at least a window after `last`.
    """
    if at_once:
        return max(now, last + AT_ONCE_EVERY) if last else now
    earliest = max(now, last + window) if last else now
    local = earliest.astimezone(zone)
    leaves = datetime.combine(local.date(), time(digest_hour), tzinfo=zone)
    if leaves < earliest:
        leaves = datetime.combine(local.date() + timedelta(days=1), time(digest_hour), tzinfo=zone)
    return leaves


def pause_after(attempt: int) -> timedelta | None:
    """How long to wait after this attempt (the first is 1), or None when it was the last one."""
    return PAUSES[attempt - 1] if attempt <= len(PAUSES) else None
