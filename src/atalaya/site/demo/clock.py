"""A clock that can be set, so that ninety days pass in a minute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from typing import Any

from django.utils import timezone


class Clock(datetime):
    """Stands in for `datetime` inside django.utils.timezone: `now()` tells the moment that was set, a little later each time."""

    moment: datetime | None = None

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        if cls.moment is None:
            return datetime.now(tz)
        cls.moment += timedelta(milliseconds=1)
        return cls.moment.astimezone(tz)


@contextmanager
def simulated() -> Iterator[type[Clock]]:
    """Inside, `timezone.now()` follows `Clock.moment` wherever it is called from, defaults of models included."""
    real = timezone.datetime  # type: ignore[attr-defined]
    timezone.datetime = Clock  # type: ignore[attr-defined]
    try:
        yield Clock
    finally:
        Clock.moment = None
        timezone.datetime = real  # type: ignore[attr-defined]
