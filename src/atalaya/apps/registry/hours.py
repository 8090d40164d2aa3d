"""Working hours as people write them: "Mo-Fr 08:00-16:30; Sa 09:00-12:00", or "24/7"."""

from __future__ import annotations

import re
from datetime import datetime, time
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from atalaya.apps.registry.values import BadValue, text

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
ALWAYS = "24/7"
_PART = re.compile(r"([A-Z][a-z])(?:-([A-Z][a-z]))? ([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})")


def hours(value: str) -> str:
    """The canonical text. Empty stays empty: not known. Raises BadValue."""
    value = text(value)
    if value in {"", ALWAYS}:
        return value
    parts = [part.strip() for part in re.split(r"[;,]", value) if part.strip()]
    for part in parts:
        if _parsed(part) is None:
            raise BadValue(
                _("%(value)s are not working hours.") % {"value": part},
                advice=_("Write them like Mo-Fr 08:00-16:30; Sa 09:00-12:00, or 24/7."),
            )
    return "; ".join(parts)


def at_work(value: str, timezone: str, at: datetime) -> bool:
    """True when the moment `at` lies in the working hours; also when they are not known."""
    if value in {"", ALWAYS}:
        return True
    local = at.astimezone(ZoneInfo(timezone))
    for part in value.split("; "):
        parsed = _parsed(part)
        if parsed and local.weekday() in parsed[0] and parsed[1] <= local.time() < parsed[2]:
            return True
    return False


def _parsed(part: str) -> tuple[set[int], time, time] | None:
    match = _PART.fullmatch(part)
    if not match or match[1] not in DAYS or (match[2] or match[1]) not in DAYS:
        return None
    first, last = DAYS.index(match[1]), DAYS.index(match[2] or match[1])
    days = {day % 7 for day in range(first, last + 1 if last >= first else last + 8)}
    try:
        start = time.fromisoformat(match[3])
        end = time.max if match[4] == "24:00" else time.fromisoformat(match[4])
    except ValueError:
        return None
    return (days, start, end) if start < end else None
