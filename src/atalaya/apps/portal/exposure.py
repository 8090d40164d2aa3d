"""How exposed an organisation is: findings open now, day by day, and what changed. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Case, Count, DateTimeField, F, Max, Min, Q, QuerySet, When
from django.db.models.functions import TruncDate
from django.utils import timezone

from atalaya.apps.events.models import Finding, Mark

Status = Finding.Status
NOW = Q(status__in=(Status.OPEN, Status.BACK))
DAYS = 90
"""Days of the picture."""
CHANGED_DAYS = 30
RANKS = (5, 4, 3, 2, 1, 0)
"""Severities, the worst first."""


@dataclass(frozen=True)
class Matter:
    """Findings of one class and identifier that are open: how many, how bad, and since when."""

    type: str
    identifier: str
    count: int
    severity: int
    oldest: datetime


@dataclass(frozen=True)
class Changed:
    """What happened since a day: findings that came up, came back, were said to be solved, are gone, and those said
    to be solved and seen again."""

    opened: int
    back: int
    solved: int
    gone: int
    again: int


def midnight(day: date) -> datetime:
    """The first moment of a day in the node's time zone."""
    return datetime.combine(day, time(), timezone.get_current_timezone())


def by_severity(findings: QuerySet[Finding]) -> dict[int, int]:
    """How many are open now, by severity rank, zero included."""
    found = findings.filter(NOW).order_by().values_list("severity").annotate(Count("pk"))
    return dict.fromkeys(RANKS, 0) | dict(found)


def matters(findings: QuerySet[Finding], most: int | None = None) -> list[Matter]:
    """What is open now, one line for each class and identifier: the worst first, among equals the oldest."""
    rows = (
        findings.filter(NOW)
        .order_by()
        .values("type", "identifier")
        .annotate(count=Count("pk"), worst=Max("severity"), oldest=Min("first_seen"))
        .order_by("-worst", "oldest", "type", "identifier")
    )
    return [Matter(r["type"], r["identifier"], r["count"], r["worst"], r["oldest"]) for r in rows[:most]]


def daily(findings: QuerySet[Finding], days: Sequence[date]) -> dict[int, list[int]]:
    """Severity rank -> how many findings were open on each of these following days.

    A finding is open from its first sight to its last one when it is gone, to the owner's word when it is solved, and
    until now otherwise. What is wrong never was. Of one that came back the pause between is not known: it counts as open.
    """
    ended = Case(
        When(status=Status.GONE, then=F("last_seen")),
        When(status=Status.SOLVED, then=F("changed_at")),
        output_field=DateTimeField(null=True),
    )
    spans = (
        findings.exclude(status=Status.WRONG)
        .filter(first_seen__lt=midnight(days[-1] + timedelta(days=1)))
        .order_by()
        .values("severity", opened=TruncDate("first_seen"), closed=TruncDate(ended))
        .annotate(count=Count("pk"))
    )
    counts = {rank: [0] * len(days) for rank in RANKS}
    for span in spans.iterator(chunk_size=2000):
        _add(counts[span["severity"]], days, span["opened"], span["closed"], span["count"])
    return counts


def _add(into: list[int], days: Sequence[date], opened: date, closed: date | None, count: int) -> None:
    first = max(0, (opened - days[0]).days)
    last = len(days) if closed is None else (closed - days[0]).days + 1
    for at in range(first, min(last, len(days))):
        into[at] += count


def changed(
    findings: QuerySet[Finding], marks: QuerySet[Mark], first: date, last: date | None = None
) -> Changed:
    """What happened from the first to the last day (None: until now), both included."""
    end = midnight((last or timezone.localdate()) + timedelta(days=1))
    inside = {"gte": midnight(first), "lt": end}

    def within(field: str) -> dict[str, datetime]:
        return {f"{field}__{name}": value for name, value in inside.items()}

    true = findings.exclude(status=Status.WRONG)
    return Changed(
        opened=true.filter(**within("first_seen")).count(),
        back=true.filter(status=Status.BACK, **within("changed_at")).count(),
        solved=true.filter(status=Status.SOLVED, **within("changed_at")).count(),
        gone=true.filter(status=Status.GONE, **within("changed_at")).count(),
        again=marks.filter(end=Mark.End.AGAIN, **within("ended_at")).values("finding").distinct().count(),
    )
