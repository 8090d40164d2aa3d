"""Events of each class on each of the last days, as one person may see them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import polars as pl
from django.utils import timezone

from atalaya.apps.desk.usual import DAYS
from atalaya.apps.events.queries import event_table, question_for
from atalaya.apps.people.models import User


def shown_days(today: date) -> list[date]:
    """The days that the desk looks at: `DAYS` whole ones, then today."""
    return [today - timedelta(days=back) for back in range(DAYS, -1, -1)]


def daily(user: User, days: list[date]) -> dict[str, list[int]]:
    """For each class, one count for each of `days`: days of the node's zone, one after the other."""
    times = {"since": _midnight(days[0]), "until": _midnight(days[-1] + timedelta(days=1))}
    quarters = (times["until"] - times["since"]) // timedelta(minutes=15)
    # Every zone begins its days at a whole quarter of an hour UTC, so that no bucket lies in two days.
    found = event_table().histogram(question_for(user, times), quarters)
    if found.is_empty():
        return {}
    zone = timezone.get_current_timezone_name()
    local = pl.col("time").dt.convert_time_zone(zone).dt.date()
    summed = found.group_by("type", local.alias("day")).agg(pl.col("count").sum())
    at = {day: index for index, day in enumerate(days)}
    counts: dict[str, list[int]] = {}
    for kind, day, count in summed.iter_rows():
        if day in at:
            counts.setdefault(kind or "undetermined", [0] * len(days))[at[day]] += count
    return counts


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.get_current_timezone()).astimezone(UTC)
