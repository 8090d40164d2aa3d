"""The state at a glance: where events come from and go to, what notices brought about, sectors, organisations, feeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import TruncDay, TruncMonth
from django.utils import timezone

from atalaya.apps.desk.queries import NOW, Sight
from atalaya.apps.events.marks.queries import visible_to as marks_visible_to
from atalaya.apps.events.models import Finding
from atalaya.apps.events.queries import event_table, question_for
from atalaya.apps.notices.models import Notice, NoticeFinding

DAYS, MONTHS, FEED_DAYS = 30, 6, 14
MOST_CLOSED = 20_000
"""Closed findings that a median is taken of, the latest ones."""
Closed = (Finding.Status.GONE, Finding.Status.SOLVED)


def by_country(sight: Sight) -> dict[str, int]:
    """Events of the last `DAYS` days by the country of either end, as the feeds say: ISO 3166-1 alpha-2 -> events."""
    question = question_for(sight.user, {"since": timezone.now() - timedelta(days=DAYS)})
    found: Counter[str] = Counter()
    for column in ("source_geolocation_cc", "destination_geolocation_cc"):
        found.update(dict(event_table().top(question, column, 300).iter_rows()))
    return dict(found)


@dataclass(frozen=True)
class Seen:
    """The state in four numbers: events of either end in it in the last `DAYS` days, findings to fix, organisations that have
    some, and those of them that run critical infrastructure."""

    events: int
    findings: int
    organisations: int
    critical: int


def seen(sight: Sight, events: int) -> Seen:
    """What there is to fix now, beside `events`, which the caller has counted already."""
    open_now = sight.findings.filter(NOW).order_by()
    owned = open_now.filter(organisation__isnull=False)
    critical = Count("organisation", distinct=True, filter=Q(organisation__critical=True))
    found = owned.aggregate(all=Count("organisation", distinct=True), critical=critical)
    return Seen(events, open_now.count(), found["all"], found["critical"])


@dataclass(frozen=True)
class Month:
    """What notices brought about in one month. `days`: median days from first being told to not being seen any more."""

    first: date
    notices: int = 0
    told: int = 0
    answered: int = 0
    gone: int = 0
    solved: int = 0
    days: float | None = None


def effect(sight: Sight, today: date) -> list[Month]:
    """The last `MONTHS` months, the oldest first.

    Told are findings of notices sent in the month, answered those on which their owner said a word. A finding that is gone ended when it was last seen, one that the owner
    solved when they said so; its time runs from the first notice that spoke of it, and those that ended before anybody was told have none.
    """
    months = _months(today)
    since = timezone.make_aware(datetime.combine(months[0], datetime.min.time()))
    sent = sight.notices.filter(status=Notice.Status.SENT, sent_at__gte=since)
    notices = _monthly(
        sent.order_by().annotate(month=TruncMonth("sent_at")).values_list("month").annotate(Count("pk"))
    )
    items = NoticeFinding.objects.filter(notice__in=sent).order_by()
    told = _monthly(
        items.annotate(month=TruncMonth("notice__sent_at"))
        .values_list("month")
        .annotate(Count("finding_key", distinct=True))
    )
    said = marks_visible_to(sight.user).filter(at__gte=since).order_by()
    answered = _monthly(
        said.annotate(month=TruncMonth("at")).values_list("month").annotate(Count("finding", distinct=True))
    )
    ended = list(_ended(sight, since))
    spans: dict[date, list[float]] = {}
    for month, _status, days in ended:
        if days is not None:
            spans.setdefault(month, []).append(days)
    counted = Counter((month, status) for month, status, _days in ended)
    return [
        Month(
            first, notices.get(first, 0), told.get(first, 0), answered.get(first, 0), counted[first, Finding.Status.GONE], counted[first, Finding.Status.SOLVED],
            median(spans[first]) if first in spans else None,
        )
        for first in months
    ]  # fmt: skip


def _months(today: date) -> list[date]:
    first, found = today.replace(day=1), []
    for _ in range(MONTHS):
        found.append(first)
        first = (first - timedelta(days=1)).replace(day=1)
    return found[::-1]


def _monthly(rows: Iterable[tuple[datetime, int]]) -> dict[date, int]:
    return {timezone.localtime(month).date(): count for month, count in rows}


def _ended(sight: Sight, since: datetime) -> Iterable[tuple[date, str, float | None]]:
    """Month, status and days since told of every finding that ended, the latest `MOST_CLOSED`."""
    closed = sight.findings.filter(status__in=Closed, changed_at__gte=since).order_by("-changed_at")
    rows = list(closed.values_list("key", "status", "last_seen", "changed_at")[:MOST_CLOSED])
    first_told: dict[int, datetime] = {}
    for at in range(0, len(rows), 500):
        keys = [row[0] for row in rows[at : at + 500]]
        items = NoticeFinding.objects.filter(finding_key__in=keys, notice__sent_at__isnull=False)
        first_told |= dict(items.order_by().values_list("finding_key").annotate(Min("notice__sent_at")))
    for key, status, last_seen, changed_at in rows:
        end = changed_at if status == Finding.Status.SOLVED else last_seen
        told = first_told.get(key)
        # What was not seen any more before anybody was told did not end because of it.
        days = (end - told).total_seconds() / 86400 if told and end >= told else None
        yield timezone.localtime(changed_at).date().replace(day=1), status, days


def by_sector(sight: Sight) -> list[tuple[str, int]]:
    """Findings open now by the owner's sector, most first."""
    rows = sight.findings.filter(NOW, organisation__isnull=False).order_by()
    found = rows.values_list("organisation__sector").annotate(number=Count("pk"))
    return sorted(found, key=lambda one: (-one[1], one[0]))


@dataclass(frozen=True)
class FeedDays:
    """One feed: rows kept on each of the last `FEED_DAYS` days, by the day on which they came."""

    code: str
    rows: tuple[int, ...]
    last: datetime


def feeds(sight: Sight, today: date) -> list[FeedDays]:
    """Every feed that sent something in the last `FEED_DAYS` days, the one that has been silent longest first."""
    days = [today - timedelta(days=back) for back in range(FEED_DAYS - 1, -1, -1)]
    since = timezone.make_aware(datetime.combine(days[0], datetime.min.time()))
    rows = (
        sight.files.filter(received_at__gte=since).exclude(feed="").order_by()
        .annotate(day=TruncDay("received_at")).values_list("feed", "day").annotate(Sum("rows_kept"))
    )  # fmt: skip
    found: dict[str, dict[date, int]] = {}
    for feed, day, kept in rows:
        found.setdefault(feed, {})[timezone.localtime(day).date()] = kept
    last = dict(
        sight.files.filter(feed__in=found).order_by("feed", "received_at").values_list("feed", "received_at")
    )
    made = [
        FeedDays(feed, tuple(by_day.get(day, 0) for day in days), last[feed])
        for feed, by_day in found.items()
    ]
    return sorted(made, key=lambda one: (one.last.date(), one.code))
