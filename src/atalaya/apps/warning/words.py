"""Alarms in words: what happened and why it is an alarm, in the reader's language, out of codes and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.utils.dates import WEEKDAYS
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from atalaya.apps.events import own_feeds
from atalaya.apps.events.classes import class_name
from atalaya.apps.registry.models import Organisation, Sector
from atalaya.apps.warning.models import Alarm, Dimension, Kind
from atalaya.core.analysis.novelty import FORGOTTEN
from atalaya.web.numbers import decimal_point
from atalaya.web.templatetags.ui import number

NEW: dict[str, Promise] = {
    Dimension.MALWARE: gettext_lazy("New malware"),
    Dimension.IDENTIFIER: gettext_lazy("New identifier"),
    Dimension.PORT: gettext_lazy("New port"),
    Dimension.PRODUCT: gettext_lazy("New product"),
}
KINDS: dict[str, Promise] = {
    Kind.CAMPAIGN: gettext_lazy("Campaign across organisations"),
    Kind.BURST: gettext_lazy("Burst within an hour"),
    Kind.ABOVE: gettext_lazy("Above the usual"),
}
HARDLY_ANY = 0.5
"""Organisations in three days below which it is clearer to say that there is none."""
ONCE_AT_MOST = 1_000_000
"""Days beyond which nobody believes a number."""


def what(kind: str, dimension: str) -> str:
    """What kind of alarm it is: "New port", "Burst within an hour"."""
    return str(NEW.get(dimension, _("Never seen before")) if kind == Kind.NEW else KINDS[kind])


def dimension_name(dimension: str) -> str:
    """What a value is of: "class", "port"."""
    return str(Dimension(dimension).label)


def value_name(dimension: str, value: str, organisations: Mapping[str, str]) -> str:
    """A value as people call it. `organisations`: names by UUID (see `names_of`)."""
    if dimension == Dimension.CLASS:
        return class_name(value)
    if dimension == Dimension.ORGANISATION:
        return organisations.get(value, _("an organisation that is no longer registered"))
    if dimension == Dimension.SECTOR:
        return str(dict(Sector.choices).get(value, value))
    if dimension == Dimension.FEED:
        return own_feeds.name_of(value)
    return value


def subject_name(alarm: Alarm) -> str:
    """What an alarm is about, as people call it."""
    names = {alarm.subject: alarm.organisation.name} if alarm.organisation else {}
    return value_name(alarm.dimension, alarm.subject, names)


def names_of(values: Iterable[str]) -> dict[str, str]:
    """Names of organisations by their UUIDs as text. What is no UUID is left out."""
    keys = [UUID(value) for value in values if len(value) == 36]
    return {str(pk): name for pk, name in Organisation.objects.filter(pk__in=keys).values_list("pk", "name")}


def organisations_in(alarm: Alarm) -> list[str]:
    """UUIDs of the organisations that an alarm speaks of, besides the one that it may be about."""
    parts = [value for value, _count in alarm.facts.get("parts", {}).get("organisation", ())]
    return [*alarm.facts.get("organisations", ()), *parts]


def reason(alarm: Alarm) -> list[str]:
    """Why it is an alarm: a few sentences."""
    return [str(sentence) for sentence in REASONS[Kind(alarm.kind)](alarm)]


def _above(alarm: Alarm) -> Iterator[str]:
    numbers = {
        "seen": count(alarm.observed), "usual": count(alarm.expected), "high": count(alarm.facts.get("high", alarm.expected)),
        "weekday": str(WEEKDAYS[strongest_day(alarm).weekday()]), "day": strongest_day(alarm).isoformat(),
    }  # fmt: skip
    yield (
        _(
            "On %(day)s there were %(seen)s findings. About %(usual)s are usual on a %(weekday)s, and nine days in ten stay below %(high)s."
        )
        % numbers
    )
    yield _once_in(alarm.chance)


def _burst(alarm: Alarm) -> Iterator[str]:
    numbers = {
        "seen": count(alarm.observed),
        "usual": count(alarm.expected),
        "day": strongest_day(alarm).isoformat(),
    }
    yield (
        _(
            "Within one hour of %(day)s there were %(seen)s findings. The busiest hour of a usual day has about %(usual)s."
        )
        % numbers
    )
    yield _once_in(alarm.chance)


def _new(alarm: Alarm) -> Iterator[str]:
    numbers = {
        "days": number(alarm.facts.get("watched", 0)),
        "before": alarm.facts.get("before", ""),
        "gone": FORGOTTEN,
    }
    if alarm.facts.get("before"):
        yield _("It was last seen on %(before)s, more than %(gone)s days before.") % numbers
    else:
        yield _("It was not seen in the %(days)s days before.") % numbers
    every = round(1 / max(alarm.expected, 1e-9))
    shown = {"seen": count(alarm.observed), "days": number(every)}
    yield (
        _(
            "%(seen)s findings show it on its strongest day. Something new of this size is expected at most once in %(days)s days here."
        )
        % shown
    )


def _campaign(alarm: Alarm) -> Iterator[str]:
    numbers = {"seen": count(alarm.observed), "usual": count(alarm.expected)}
    came = _("Within three days it came to %(seen)s organisations that had not shown it for thirty days.")
    usual = (
        _("About %(usual)s are usual.") if alarm.expected >= HARDLY_ANY else _("Usually it comes to none.")
    )
    yield f"{came % numbers} {usual % numbers}"
    yield _once_in(alarm.chance)


REASONS = {Kind.ABOVE: _above, Kind.BURST: _burst, Kind.NEW: _new, Kind.CAMPAIGN: _campaign}


def _once_in(chance: float) -> str:
    days = 1 / max(chance, 1e-300)
    if days > ONCE_AT_MOST:
        return _("By chance alone this would not happen in a thousand years.")
    return _("By chance alone so many come about once in %(days)s days.") % {"days": number(_rounded(days))}


def _rounded(value: float) -> int:
    """Two figures are as much as such a number is worth."""
    digits = max(0, len(str(int(value))) - 2)
    return int(round(value, -digits))


def count(value: float) -> str:
    """A count as a sentence says it: whole from ten on, and one figure behind the point below."""
    near = round(value) if value >= 10 else round(value, 1)
    return str(number(int(near))) if near == int(near) else f"{near:.1f}".replace(".", decimal_point())


def days_of(alarm: Alarm) -> list[date]:
    """The days of its picture."""
    first = date.fromisoformat(alarm.picture["first"]) if alarm.picture else alarm.first_day
    return [first + timedelta(days=n) for n in range(len(alarm.picture.get("counts", ())))]


def strongest_day(alarm: Alarm) -> date:
    """The day with the number that the reason speaks of; the last one where the picture does not tell."""
    shown: list[tuple[date, Any]] = list(zip(days_of(alarm), alarm.picture.get("counts", ()), strict=False))
    mine = [day for day, seen in shown if alarm.first_day <= day <= alarm.last_day and seen == alarm.observed]
    return mine[-1] if mine else alarm.last_day


BY_NAMES: dict[str, Promise] = {
    Dimension.CLASS: gettext_lazy("By class"),
    Dimension.ORGANISATION: gettext_lazy("By organisation"),
    Dimension.SECTOR: gettext_lazy("By sector"),
    Dimension.FEED: gettext_lazy("By feed"),
    Dimension.MALWARE: gettext_lazy("By malware"),
    Dimension.PORT: gettext_lazy("By port"),
}
"""Names of the pages of trends."""
