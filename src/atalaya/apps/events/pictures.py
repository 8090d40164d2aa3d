"""The histogram of the explorer: events over time, stacked by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl
from django.utils import timezone
from django.utils.translation import gettext as _

from atalaya.apps.events.classes import class_name
from atalaya.apps.events.pivots import Pivot
from atalaya.core.draw import chart, fluid_histogram_svg
from atalaya.core.store import EventTable, Question
from atalaya.web.numbers import decimal_point

BUCKETS = 60
DAYS_SHOWN = 100
"""Days that are drawn one by one."""
CLASSES_SHOWN = 7
"""Classes with a colour of their own; the rest are drawn as one."""
REST = ""


@dataclass(frozen=True)
class Histogram:
    """A drawing, its table and what it is called."""

    svg: str
    table: str
    caption: str
    edges: str = ""
    """Where each bar begins and the last one ends, as the language writes times: for choosing several at once."""


def histogram(table: EventTable, question: Question, pivot: Pivot) -> Histogram | None:
    """The picture for a question, or None when there is nothing to draw. A click on a bar narrows the time to it."""
    counts = table.histogram(question, _buckets(question))
    if counts.is_empty():
        return None
    times = _times(counts["time"])
    series = _series(counts, times)
    labels = [_label(time, times) for time in times]
    names = [one.name for one in series]
    caption = _("Events over time, by class")
    rows = [[label, *(one.values[at] for one in series)] for at, label in enumerate(labels)]
    edges = _edges(times)
    svg = fluid_histogram_svg(labels, series, title=caption, urls=_urls(edges, pivot), point=decimal_point())
    same = chart.table_html([_("Time"), *names], rows)
    return Histogram(svg + chart.legend_html(names), same, caption, " ".join(edges))


def _buckets(question: Question) -> int:
    """As many as there are days, where that makes a readable picture.

    One more than the days of the reader: the table's days begin at midnight of UTC.
    """
    if question.since is None:
        return DAYS_SHOWN
    days = ((question.until or timezone.now()) - question.since).days + 1
    return days + 1 if 4 <= days <= DAYS_SHOWN else BUCKETS


def _times(found: pl.Series) -> list[datetime]:
    """Starts of all buckets from the first to the last, those without an event included."""
    times = sorted(time.astimezone(UTC) for time in found.unique().to_list())
    steps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    step = min(steps, default=timedelta(days=1))
    count = min((times[-1] - times[0]) // step + 1, 4 * BUCKETS)
    return [times[0] + at * step for at in range(count)]


def _series(counts: pl.DataFrame, times: Sequence[datetime]) -> list[chart.Series]:
    ranked = (
        counts.group_by("type").agg(pl.col("count").sum()).sort("count", descending=True)["type"].to_list()
    )
    shown = ranked if len(ranked) <= CLASSES_SHOWN + 1 else ranked[:CLASSES_SHOWN]
    summed: dict[tuple[str | None, datetime], int] = {}
    for time, kind, count in counts.select("time", "type", "count").iter_rows():
        key = (kind if kind in shown else REST, time.astimezone(UTC))
        summed[key] = summed.get(key, 0) + count
    drawn = [*shown, REST] if len(shown) < len(ranked) else shown
    return [chart.Series(_name(kind), [summed.get((kind, time), 0) for time in times]) for kind in drawn]


def _name(kind: str | None) -> str:
    return _("other classes") if kind == REST else class_name(kind or "undetermined")


def _label(time: datetime, times: Sequence[datetime]) -> str:
    if len(times) > 1 and times[1] - times[0] < timedelta(days=1):
        return timezone.localtime(time).strftime("%m-%d %H:%M")
    return time.strftime("%Y-%m-%d")


SHORTEST = timedelta(minutes=1)
"""Bars of this width lead nowhere: there is nothing narrower."""


def _edges(times: Sequence[datetime]) -> list[str]:
    if len(times) < 2 or times[1] - times[0] <= SHORTEST:
        return []
    return [f"{time:%Y-%m-%dT%H:%MZ}" for time in (*times, times[-1] + (times[1] - times[0]))]


def _urls(edges: Sequence[str], pivot: Pivot) -> list[str]:
    return [pivot(since=since, until=until) for since, until in zip(edges, edges[1:], strict=False)]
