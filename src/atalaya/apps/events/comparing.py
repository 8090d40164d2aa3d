"""This question now against an earlier period: counts, what is new and what is gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any

import polars as pl
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from atalaya.apps.events.facets import Labels
from atalaya.apps.events.pivots import Pivot
from atalaya.core.errors import BadInput
from atalaya.core.store import EventTable, Question
from atalaya.core.store import facets as store

SHOWN = 8
"""Values shown of each field that are new, gone, or changed."""
COLUMNS: tuple[tuple[str, str, Promise], ...] = (
    ("class", "classification_type", _("Class")),
    ("org", "owner", _("Organisation")),
    ("ip", "source_ip", _("Address")),
    ("malware", "malware_name", _("Malware")),
    ("identifier", "classification_identifier", _("Identifier")),
    ("port", "source_port", _("Port")),
    ("feed", "feed_code", _("Feed")),
)


@dataclass(frozen=True)
class Row:
    """One value in both periods."""

    text: str
    url: str
    before: int
    now: int

    @property
    def change(self) -> str:
        """How much more or less, in percent; "" for what is new or gone."""
        if not self.before or not self.now:
            return ""
        return f"{round(100 * (self.now - self.before) / self.before):+d} %"


@dataclass(frozen=True)
class Part:
    """One field: how many values each period has, and those that are new, gone or changed most."""

    label: Promise
    before: int
    now: int
    new_count: int
    gone_count: int
    new: list[Row]
    gone: list[Row]
    changed: list[Row]


@dataclass(frozen=True)
class Comparison:
    """Both periods, each with its events, and the fields side by side."""

    now: tuple[datetime, datetime]
    then: tuple[datetime, datetime]
    events: Row
    parts: list[Part]


def periods(question: Question, start: str) -> tuple[tuple[datetime, datetime], tuple[datetime, datetime]]:
    """The question's own period, and the one to compare it with: as long, just before it or from the day `start` on.

    Raises BadInput when the question has no beginning or `start` is no day.
    """
    if question.since is None:
        raise BadInput("The question has no beginning.", advice="Say since when.")
    now = (question.since, question.until or timezone.now())
    width = now[1] - now[0]
    if not start:
        return now, (now[0] - width, now[0])
    try:
        day = datetime.combine(datetime.fromisoformat(start).date(), time(), timezone.get_current_timezone())
    except ValueError as error:
        raise BadInput(f"{start!r} is not a day.", advice="Write it as 2026-11-05.") from error
    return now, (day, day + width)


def comparison(
    table: EventTable, question: Question, start: str, pivot: Pivot, labels: Labels, scoped: bool
) -> Comparison:
    """Two periods side by side. `scoped`: the reader sees but some organisations. Raises BadInput (see `periods`)."""
    now, then = periods(question, start)
    asked = replace(question, since=now[0], until=now[1])
    found = store.compare(table, asked, then, [column for _, column, _ in COLUMNS], SHOWN)
    parts = (_part(found, field, column, label, pivot, labels) for field, column, label in COLUMNS)
    hidden = {"org"} if scoped else set()
    shown = [
        part
        for (field, _, _), part in zip(COLUMNS, parts, strict=True)
        if field not in hidden and (part.now or part.before)
    ]
    return Comparison(now, then, Row("", "", *found.events), shown)


def _part(found: store.Change, field: str, column: str, label: Promise, pivot: Pivot, labels: Labels) -> Part:
    rows = list(_rows(found.values[column], field, pivot, labels))
    before, now = found.distinct[column]
    return Part(
        label=label,
        before=before,
        now=now,
        new_count=found.new[column],
        gone_count=found.gone[column],
        new=[row for row in rows if not row.before],
        gone=[row for row in rows if not row.now],
        changed=[row for row in rows if row.before and row.now],
    )


def _rows(values: pl.DataFrame, field: str, pivot: Pivot, labels: Labels) -> Iterator[Row]:
    for value, before, now in values.iter_rows():
        text = labels.of(field, value)
        if text:
            asked: Any = labels.asked(field, value)
            # What is gone has no event in the question's own time.
            link = pivot(**{field: asked}) if now else pivot(**{field: asked, "since": None, "until": None})
            yield Row(text, link, before, now)


def widths(now: datetime) -> list[tuple[Promise, str]]:
    """Periods that people often compare, as times of the language."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return [
        (_("last day"), f"{midnight - timedelta(days=1):%Y-%m-%d}"),
        (_("last 7 days"), f"{midnight - timedelta(days=7):%Y-%m-%d}"),
        (_("last 30 days"), f"{midnight - timedelta(days=30):%Y-%m-%d}"),
    ]
