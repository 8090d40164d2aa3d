"""The drawing of an organisation's exposure, the same on page and paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from atalaya.apps.events.classes import SEVERITY_NAMES
from atalaya.core.draw import Series, chart

COLOURS = {5: 3, 4: 1, 3: 6, 2: 0, 1: 5, 0: 7}
"""Severity rank -> which colour of `core.draw`: red, amber, ochre, blue, teal, grey."""
NARROW_DAYS = 45


@dataclass(frozen=True)
class Picture:
    """A drawing with its legend, the same for a telephone, its table and what it is called. `svg` is the bare drawing."""

    svg: str
    page: str
    small: str
    table: str
    caption: str


def over_time(
    counts: Mapping[int, Sequence[int]], days: Sequence[date], *, height: int = 200
) -> Picture | None:
    """Open findings on each day, stacked by severity, the worst at the bottom; None when there never was one."""
    ranks = [rank for rank, values in counts.items() if any(values)]
    if not ranks:
        return None
    caption = _("Open findings each day, by severity")
    names = [str(SEVERITY_NAMES[rank]) for rank in ranks]
    legend = chart.legend_html(names, [COLOURS[rank] for rank in ranks])
    wide = _drawn(counts, ranks, days, caption, (chart.WIDE[0], height))
    small = _drawn(counts, ranks, days[-NARROW_DAYS:], caption, chart.NARROW)
    weeks = range(len(days) - 1, -1, -7)
    rows = [[days[at].isoformat(), *(counts[rank][at] for rank in ranks)] for at in weeks]
    table = chart.table_html([_("Day"), *names], rows, caption=caption)
    return Picture(wide, wide + legend, small + legend, table, caption)


def _drawn(
    counts: Mapping[int, Sequence[int]], ranks: Sequence[int], days: Sequence[date], title: str, size: tuple[int, int]
) -> str:  # fmt: skip
    series = [Series(str(SEVERITY_NAMES[rank]), counts[rank][-len(days) :], COLOURS[rank]) for rank in ranks]
    labels = [f"{day:%m-%d}" for day in days]
    return chart.histogram_svg(labels, series, title=title, width=size[0], height=size[1])
