"""The days behind a signal as a picture wants them, and what a signal is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from atalaya.core.analysis import series
from atalaya.core.analysis.baseline import usual
from atalaya.core.analysis.series import Series
from atalaya.core.analysis.signals import Signal
from atalaya.core.analysis.watch import HISTORY, Seen

SHOWN_DAYS = 42
_PARTS = ("class", "organisation", "feed", "malware", "identifier", "port")
_PARTS_SHOWN = 4


@dataclass(frozen=True)
class History:
    """One value's last days: its counts, and the usual of each day as it was known then (the band: nine in ten)."""

    dimension: str
    value: str
    days: tuple[date, ...]
    counts: tuple[float, ...]
    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]
    known: bool
    """Whether there are enough days to call anything usual on the last day."""

    @property
    def more(self) -> bool:
        """Whether the last day lies above the band, and by enough to matter."""
        last, high = self.counts[-1], self.high[-1]
        return self.known and last > high and last - self.middle[-1] >= 3


def of_signal(seen: Seen, signal: Signal) -> History:
    """The days up to the signal's last one. A burst is shown by the busiest hour of each day, all else by findings."""
    if signal.kind == "burst":
        counted = seen.hourly
    elif signal.subject in seen.daily.names:
        counted = seen.daily
    else:
        counted = series.of(seen.cells, seen.days, (signal.dimension,))
    return of_series(counted, [signal.subject], signal.last)[0]


def of_series(counted: Series, subjects: Sequence[tuple[str, str]], last: date) -> list[History]:
    """The days up to `last` of some series. Raises ValueError for a subject that is not among them."""
    rows = [counted.names.index(subject) for subject in subjects]
    part = Series(
        tuple(subjects), counted.days, counted.counts[rows], counted.known[rows], counted.catching_up[rows]
    )
    days = [day for day in part.days if last - timedelta(days=SHOWN_DAYS) < day <= last]
    low, middle, high = (np.zeros((len(rows), len(days))) for _ in range(3))
    known = np.zeros(len(rows), dtype=np.bool_)
    for at, day in enumerate(days):
        until = part.until(day, HISTORY)
        if len(until.days) > 1:
            expected = usual(until.counts[:, :-1], until.known[:, :-1], until.weekdays)
            low[:, at], high[:, at] = expected.band()
            middle[:, at], known = expected.mean, expected.known
    counts = part.until(last, len(days)).counts
    lines = {"counts": counts, "low": low, "middle": middle, "high": high}
    return [
        History(
            dimension,
            value,
            tuple(days),
            known=bool(known[n]),
            **{name: tuple(map(float, line[n])) for name, line in lines.items()},
        )
        for n, (dimension, value) in enumerate(subjects)
    ]


def parts(seen: Seen, signal: Signal) -> dict[str, list[tuple[str, int]]]:
    """What the signal's findings of its days are: for each other dimension the most frequent values, most first."""
    mine = seen.cells.filter(
        pl.col("day").is_between(signal.first, signal.last), pl.col(signal.dimension) == signal.value
    )
    found = {}
    for dimension in _PARTS:
        if dimension != signal.dimension:
            top = mine.drop_nulls(dimension).group_by(dimension).agg(pl.col("count").sum())
            rows = top.sort("count", dimension, descending=[True, False]).head(_PARTS_SHOWN).rows()
            if rows:
                found[dimension] = [(str(value), int(count)) for value, count in rows]
    return found
