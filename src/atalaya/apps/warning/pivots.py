"""Where an alarm or a trend leads: the rows behind it in the explorer."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from atalaya.apps.warning.models import Alarm, Dimension
from atalaya.core.pipeline.identity import EPHEMERAL

FILTERS = {
    Dimension.CLASS: "type", Dimension.ORGANISATION: "organisation", Dimension.FEED: "feed",
    Dimension.MALWARE: "malware", Dimension.IDENTIFIER: "identifier", Dimension.PORT: "port",
}  # fmt: skip
"""The explorer's filter for each dimension; it has none for the others."""


def events_url(dimension: str, value: str, first: date, last: date) -> str:
    """The events of a value from day to day, or "" where the explorer cannot ask for it.

    Days here are of UTC and those of the explorer are the reader's: both days that share a day of UTC are shown.
    """
    name = FILTERS.get(Dimension(dimension))
    if name is None:
        return ""
    days = {
        "since": _local(first).isoformat(),
        "until": _local(last + timedelta(days=1), end=True).isoformat(),
    }
    return f"{reverse('events:explorer')}?{urlencode({name: value, **days})}"


def alarm_url(alarm: Alarm) -> str:
    """The events behind an alarm. The explorer's port is the source's, which tells nothing of a machine that calls out."""
    classes = {value for value, _count in alarm.facts.get("parts", {}).get("class", ())}
    if alarm.dimension == Dimension.PORT and classes & EPHEMERAL:
        return ""
    return events_url(alarm.dimension, alarm.subject, alarm.first_day, alarm.last_day)


def _local(day: date, *, end: bool = False) -> date:
    moment = datetime.combine(day, time(), UTC) - (timedelta(microseconds=1) if end else timedelta(0))
    return timezone.localtime(moment).date()
