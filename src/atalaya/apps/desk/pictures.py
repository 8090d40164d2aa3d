"""The drawings of the desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from atalaya.apps.desk.usual import Usual, total
from atalaya.apps.events.classes import class_name
from atalaya.core.draw import chart, line_svg, sparkline_svg


@dataclass(frozen=True)
class Picture:
    """A drawing, the same for a telephone, its table and what it is called."""

    svg: str
    small: str
    table: str
    caption: str


def against_usual(found: Sequence[Usual], days: Sequence[date]) -> Picture | None:
    """All events day by day over the usual band, or None when there are none."""
    if not found:
        return None
    every = total(found)
    labels = [day.isoformat() for day in days]
    count = len(labels)
    caption = _("Events each day. The band is where four days in five lie, the dashed line is the middle.")
    svg, small = (
        line_svg(
            [label[5:] for label in labels], every.days, low=[every.low] * count, high=[every.high] * count,
            usual=[every.middle] * count, title=_("Events each day"), description=caption, width=width, height=height,
        )
        for width, height in (chart.WIDE, chart.NARROW)
    )  # fmt: skip
    table = chart.table_html([_("Day"), _("Events")], zip(labels, every.days, strict=True))
    return Picture(svg, small, table, caption)


def spark(one: Usual) -> str:
    """The days of one class as a small line."""
    return sparkline_svg(one.days, title=class_name(one.type))
