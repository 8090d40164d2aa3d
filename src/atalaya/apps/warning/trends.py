"""What the page of trends shows: the values of one dimension, each with its last weeks over the usual."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from atalaya.apps.warning import counting, pictures, pivots, words
from atalaya.apps.warning.models import Dimension
from atalaya.core.analysis import history
from atalaya.core.analysis.history import SHOWN_DAYS, History

BY: tuple[str, ...] = (
    Dimension.CLASS, Dimension.ORGANISATION, Dimension.SECTOR, Dimension.FEED, Dimension.MALWARE, Dimension.PORT,
)  # fmt: skip
MOST = 12
"""Pictures on one page."""


@dataclass(frozen=True)
class Trend:
    """One value: its name, numbers, drawing and where it leads."""

    name: str
    history: History
    svg: str
    url: str

    @property
    def seen(self) -> str:
        return words.count(self.history.counts[-1])

    @property
    def usual(self) -> str:
        return words.count(round(self.history.middle[-1], 1))


@dataclass(frozen=True)
class Shown:
    """The page: which dimension, its last day, the trends, and how many values there are beyond them."""

    by: str
    day: date | None
    trends: tuple[Trend, ...]
    rest: int
    days: int = SHOWN_DAYS


def shown(states: Iterable[str], by: str, now: datetime) -> Shown:
    """The values of a dimension that had most findings of late; what is above its usual comes first."""
    seen = counting.seen(states, now)
    if seen is None:
        return Shown(by, None, (), 0)
    last = counting.last_day(seen)
    rows = [n for n, (dimension, _value) in enumerate(seen.daily.names) if dimension == by]
    recent = seen.daily.until(last, SHOWN_DAYS).counts[rows].sum(axis=1)
    order = np.argsort(-recent, kind="stable")
    chosen = [seen.daily.names[rows[n]] for n in order if recent[n]][:MOST]
    found = history.of_series(seen.daily, chosen, last)
    names = words.names_of(one.value for one in found) if by == Dimension.ORGANISATION else {}
    found.sort(key=lambda one: not one.more)
    return Shown(by, last, tuple(_trend(one, names) for one in found), max(0, int((recent > 0).sum()) - MOST))


def _trend(one: History, names: dict[str, str]) -> Trend:
    name = words.value_name(one.dimension, one.value, names)
    first, last = one.days[-1] - timedelta(days=SHOWN_DAYS), one.days[-1]
    # A port may be the source's or the destination's here, and is the source's in the explorer.
    url = "" if one.dimension == Dimension.PORT else pivots.events_url(one.dimension, one.value, first, last)
    return Trend(name, one, pictures.of_history(one, name), url)
