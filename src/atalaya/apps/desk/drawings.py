"""The drawings of the picture and the wall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from atalaya.apps.desk.picture import Month
from atalaya.apps.desk.pictures import Picture
from atalaya.apps.desk.queries import Place
from atalaya.apps.registry.models import Sector, State
from atalaya.core.draw import Bar, Series, bars_svg, chart, histogram_svg, near_svg, region_svg
from atalaya.core.draw.map import atlas


def state_names() -> dict[str, str]:
    """What the states are called in the reader's language, by code."""
    column = f"name_{(get_language() or 'en')[:2]}"
    return dict(
        State.objects.values_list("code", column if column[5:] in ("en", "es", "fr", "pt") else "name_en")
    )


def region(counts: Mapping[str, int], here: str, days: int) -> Picture:
    """The Americas by events of either end, the asker's own state marked."""
    names = state_names()
    known = {code: count for code, count in counts.items() if code in atlas().shapes}
    caption = _("Events of the last %(days)s days by the country of either end, as the feeds say.") % {
        "days": days
    }
    if here in atlas().shapes:
        caption += " " + _("The ring is this state.")
    title = _("Map of the region")
    rows = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:40]
    table = chart.table_html(
        [_("Country"), _("Events")], [(names.get(code, code), count) for code, count in rows]
    )
    svg = region_svg(known, names, title=title, description=caption, here=here)
    small = near_svg(known, names, title=title, description=caption, here=here)
    return Picture(svg, small, table, caption)


def effect(months: Sequence[Month]) -> Picture:
    """Findings that ended, month by month. The page has a table of its own beside it."""
    labels = [f"{one.first:%Y-%m}" for one in months]
    series = [
        Series(_("gone"), [one.gone for one in months]),
        Series(_("solved by the owner"), [one.solved for one in months]),
    ]
    caption = _("Findings that are gone or were solved, each month")
    svg, small = (
        histogram_svg(labels, series, title=caption, width=width, height=height, hover=False)
        for width, height in (chart.WIDE, chart.NARROW)
    )
    legend = chart.legend_html([one.name for one in series])
    return Picture(svg + legend, small + legend, "", caption)


def sectors(rows: Sequence[tuple[str, int]]) -> str:
    """Findings open now by sector, as bars."""
    words = dict(Sector.choices)
    bars = [Bar(str(words.get(code, code)), count) for code, count in rows]
    return bars_svg(bars, title=_("Findings to fix, by sector"), width=460, label_width=180)


def organisations(places: Sequence[Place]) -> str:
    """Organisations with most to fix, as bars that lead to the rows behind them."""
    bars = [Bar(one.name, one.findings, one.findings_url) for one in places]
    return bars_svg(bars, title=_("Organisations with most to fix"), width=460, label_width=210)
