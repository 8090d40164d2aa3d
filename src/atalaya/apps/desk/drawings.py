"""The drawings of the picture and the wall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from atalaya.apps.desk.picture import Month
from atalaya.apps.desk.pictures import Picture
from atalaya.apps.desk.queries import Place
from atalaya.apps.registry.models import Sector, State
from atalaya.core.draw import (
    Bar,
    Series,
    chart,
    fluid_bars_svg,
    fluid_histogram_svg,
    has_map,
    near_svg,
    region_svg,
    state_svg,
)
from atalaya.core.draw.map import atlas
from atalaya.web.numbers import decimal_point


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
    caption = _(
        "Events of the last %(days)s days by the country of their source or destination, as the feeds say."
    ) % {"days": days}
    if here in atlas().shapes:
        caption += " " + _("The ring is this state.")
    title = _("Map of the region")
    rows = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:40]
    table = chart.table_html(
        [_("Country"), _("Events")], [(names.get(code, code), count) for code, count in rows]
    )
    point = decimal_point()
    svg = region_svg(known, names, title=title, description=caption, here=here, point=point)
    small = near_svg(known, names, title=title, description=caption, here=here, point=point)
    return Picture(svg, small, table, caption)


def state(counts: Mapping[str, int], here: str, days: int) -> Picture | None:
    """One's own state and its neighbours, shaded in the same way; None for a state of which there is no outline."""
    if not has_map(here):
        return None
    names = state_names()
    caption = _("%(state)s and its neighbours, shaded by the events of the last %(days)s days.") % {
        "state": names.get(here, here), "days": days
    }  # fmt: skip
    svg = state_svg(
        here, counts, names, title=_("Map of the state"), description=caption, point=decimal_point()
    )
    return Picture(svg, "", "", caption)


def effect(months: Sequence[Month]) -> Picture:
    """Findings that ended, month by month. The page has a table of its own beside it."""
    labels = [f"{one.first:%Y-%m}" for one in months]
    series = [
        Series(_("Gone"), [one.gone for one in months]),
        Series(_("Solved"), [one.solved for one in months]),
    ]
    caption = _("Findings that are gone or were solved, each month")
    svg = fluid_histogram_svg(labels, series, title=caption, point=decimal_point())
    return Picture(svg + chart.legend_html([one.name for one in series]), "", "", caption)


def sectors(rows: Sequence[tuple[str, int]]) -> str:
    """Findings open now by sector, as bars."""
    words = dict(Sector.choices)
    bars = [Bar(str(words.get(code, code)), count) for code, count in rows]
    return fluid_bars_svg(bars, title=_("Findings to fix, by sector"), point=decimal_point())


def organisations(places: Sequence[Place]) -> str:
    """Organisations with most to fix, as bars that lead to the rows behind them."""
    bars = [Bar(one.name, one.findings, one.findings_url) for one in places]
    return fluid_bars_svg(bars, title=_("Organisations with most to fix"), point=decimal_point())
