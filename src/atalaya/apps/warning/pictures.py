"""The drawings of alarms and trends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from atalaya.apps.warning.models import Alarm, Kind
from atalaya.apps.warning.words import days_of
from atalaya.core.analysis.history import History
from atalaya.core.draw import band_svg, chart, line_svg


@dataclass(frozen=True)
class Picture:
    """A drawing, the same for a telephone, its table and what it is called."""

    svg: str
    small: str
    table: str
    caption: str


def of_alarm(alarm: Alarm, title: str) -> Picture | None:
    """The days of an alarm over their usual band; None for one that has none."""
    lines: dict[str, Any] = alarm.picture
    labels = [day.isoformat() for day in days_of(alarm)]
    if not labels:
        return None
    if alarm.kind == Kind.BURST:
        caption = _(
            "Findings in the busiest hour of each day. The band is where four days in five lie, the dashed line is the usual."
        )
    else:
        caption = _(
            "Findings each day. The band is where four days in five lie, the dashed line is the usual."
        )
    given: dict[str, Any] = {"title": title, "description": caption}
    if lines["known"]:
        given |= {"low": lines["low"], "high": lines["high"], "usual": lines["middle"]}
    short = [label[5:] for label in labels]
    svg, small = (
        line_svg(short, lines["counts"], width=width, height=height, **given)
        for width, height in (chart.WIDE, chart.NARROW)
    )
    rows = zip(labels, map(int, lines["counts"]), lines["middle"], lines["high"], strict=True)
    table = chart.table_html([_("Day"), _("Findings"), _("Usual"), _("Upper end of the band")], rows)
    return Picture(svg, small, table, caption)


def of_history(one: History, title: str) -> str:
    """A small drawing of one value's days, for many beside each other."""
    if not one.known:
        return band_svg(one.counts, title=title)
    return band_svg(one.counts, low=one.low, high=one.high, usual=one.middle, title=title)
