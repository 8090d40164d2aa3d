"""The look-out: days one after the other, every detector on each, and from it all the few signals worth a person's time.

Keeping false alarms rare rests on four things: tests are believed together (Benjamini-Hochberg over all series of a day),
a count must also stand out from the days behind it and by enough to matter, what an earlier signal explains is not said
again, and there is a most of signals of one kind and dimension on one day.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import groupby

import numpy as np
import numpy.typing as npt
import polars as pl

from atalaya.core.analysis import novelty, series
from atalaya.core.analysis.baseline import usual
from atalaya.core.analysis.series import Series
from atalaya.core.analysis.signals import KINDS, STILL, Kind, Signal
from atalaya.core.analysis.tail import Floats, accepted, upper_tail

HISTORY = 90
"""Days that a day is compared with."""
BACK = 7
"""Days that each look judges: files may come that late."""
RATES: dict[Kind, float] = {"above": 0.02, "burst": 0.01}
"""False discovery rate of the tests of one day; on a quiet day the chance of any false one."""
LEAST_MORE = 5
"""Findings above the usual day below which nothing is worth a word."""
LEAST_RATIO = 1.5
EXPLAINED = 0.6
"""Share of what is too much that an earlier signal's findings must make up to explain it."""
MOST_A_DAY = 3
"""Signals of one kind and dimension on one day; a feed that renames all it knows would else make hundreds."""
TELLING = (
    "malware",
    "product",
    "identifier",
    "destination",
    "port",
    "class",
    "organisation",
    "sector",
    "feed",
)
ABOVE_IN = ("class", "organisation", "sector", "feed", "malware", "identifier", "port", "product")


@dataclass(frozen=True)
class Seen:
    """What all days of a look are judged by, made once."""

    today: date
    cells: pl.DataFrame
    peaks: pl.DataFrame
    days: tuple[date, ...]

    @classmethod
    def of(
        cls, cells: pl.DataFrame, peaks: pl.DataFrame, today: date, sectors: Mapping[str, str]
    ) -> Seen | None:
        """From `cells.of_table` up to `today`; `sectors`: sector of each organisation. None when there is nothing."""
        first = today - timedelta(days=HISTORY + BACK)
        cells = cells.filter(pl.col("day").is_between(first, today))
        if cells.is_empty():
            return None
        # Days before the first event of all say nothing, so a node's first weeks are not called quiet.
        begun: date = cells["day"].min()  # type: ignore[assignment]
        return cls(today, series.with_sectors(cells, sectors), peaks, series.days_between(begun, today))

    @cached_property
    def debuts(self) -> novelty.Debuts:
        return novelty.Debuts.of(self.cells, self.days[0])

    @cached_property
    def daily(self) -> Series:
        """Findings a day, for every value of `ABOVE_IN`."""
        return series.of(self.cells, self.days, ABOVE_IN)

    @cached_property
    def hourly(self) -> Series:
        """Findings of the busiest hour of each day."""
        return series.of_peaks(self.peaks, self.cells, self.days)

    def signals(self, day: date, told: Sequence[Signal] = ()) -> list[Signal]:
        """Everything unusual of one day, judged by the `HISTORY` days before it. `told`: what was told of other days."""
        if day <= self.days[0]:
            return []
        found = novelty.campaigns(self.debuts, day)
        for dimension in novelty.NEW_IN:
            found += novelty.new_values(self.debuts, dimension, day)
        near = [one for one in told if one.first < day and (day - one.last).days <= STILL]
        for kind, counted in (("burst", self.hourly), ("above", self.daily)):
            going_on = {one.subject for one in near if one.kind == kind}
            found += above(counted.until(day, HISTORY), kind, going_on)  # type: ignore[arg-type]
        return found


def watch(seen: Seen, *, standing: Sequence[Signal] = (), back: int = BACK) -> list[Signal]:
    """Signals of the last `back` days up to the day of `seen`, oldest first.

    `standing`: signals of before, as told by earlier calls: what goes on is returned with the day on which it began then,
    and what they explain is not told.
    """
    told = list(standing)
    for number in range(back - 1, -1, -1):
        day = seen.today - timedelta(days=number)
        for signal in _worth_telling(seen.signals(day, told), seen.cells, day, told):
            same = next((one for one in reversed(told) if signal.continues(one)), None)
            if same is not None:
                told[told.index(same)] = signal.after(same)
            else:
                told.append(signal)
    first = seen.today - timedelta(days=back - 1)
    return [signal for signal in told if signal.last >= first and signal not in standing]


def above(counted: Series, kind: Kind, going_on: Collection[tuple[str, str]] = frozenset()) -> list[Signal]:
    """Series whose last day lies above the usual: `kind` "above" for daily counts, "burst" for busiest hours.

    What is `going_on` need not be higher than it was yesterday.
    """
    if len(counted.days) < 2:
        return []
    expected = usual(counted.counts[:, :-1], counted.known[:, :-1], counted.weekdays)
    today, more = counted.counts[:, -1], counted.catching_up[:, -1]
    mean, variance = expected.mean * more, expected.variance * more
    stands_out = (
        expected.known
        & (today - mean >= LEAST_MORE)
        & (today >= LEAST_RATIO * mean)
        & (
            (today > expected.highest * more)
            | np.array([name in going_on for name in counted.names], np.bool_)
        )
    )
    chances = _chances(today, mean, variance, expected.known, stands_out)
    tested = np.flatnonzero(expected.known)
    believed = tested[accepted(chances[tested], RATES[kind])]
    _, high = expected.band()
    found = []
    for n in believed:
        if stands_out[n]:
            (dimension, value), day = counted.names[n], counted.days[-1]
            facts = {"high": float(high[n])}
            numbers = float(today[n]), float(mean[n]), float(chances[n])
            found.append(Signal(kind, dimension, value, day, day, *numbers, facts))
    return found


def _chances(
    today: Floats, mean: Floats, variance: Floats, known: npt.NDArray[np.bool_], asked: npt.NDArray[np.bool_]
) -> Floats:
    """The chance of each count. Those that do not stand out anyway count as tests that found nothing."""
    chances = np.ones(len(today))
    for n in np.flatnonzero(asked & known):
        chances[n] = upper_tail(float(today[n]), float(mean[n]), float(variance[n]))
    return chances


def _worth_telling(
    found: Sequence[Signal], cells: pl.DataFrame, day: date, told: Sequence[Signal]
) -> list[Signal]:
    """The signals of one day without those that others explain, the most telling first, and not too many."""
    today = cells.filter(pl.col("day") == day)
    covered = pl.Series([False], dtype=pl.Boolean()).new_from_index(0, today.height)
    for one in told:
        if one.first <= day and (day - one.last).days <= STILL:
            covered = covered | _is_of(today, one)
    kept: list[Signal] = []
    for signal in sorted(found, key=telling):
        mine = _is_of(today, signal)
        goes_on = any(signal.continues(one) for one in told)
        if goes_on or not _explained(signal, today, mine, covered):
            kept.append(signal)
            covered = covered | mine
    return _bounded(kept)


def telling(signal: Signal) -> tuple[int, float, int, str]:
    """What to tell first: the kind that says more, then what is less likely, then the value that says more."""
    return KINDS.index(signal.kind), signal.chance, TELLING.index(signal.dimension), signal.value


def _is_of(cells: pl.DataFrame, signal: Signal) -> pl.Series:
    return (cells[signal.dimension] == signal.value).fill_null(False)


def _explained(signal: Signal, today: pl.DataFrame, mine: pl.Series, covered: pl.Series) -> bool:
    """Whether the findings of signals told before make up most of what is too much in this one."""
    counts = today["count"]
    whole, known = int(counts.filter(mine).sum()), int(counts.filter(mine & covered).sum())
    too_much = whole if signal.kind in ("new", "campaign") else max(signal.observed - signal.expected, 1.0)
    if signal.kind == "burst":
        too_much = whole * too_much / max(signal.observed, 1.0)
    return bool(whole) and known >= EXPLAINED * too_much


def _bounded(found: Sequence[Signal]) -> list[Signal]:
    kept: list[Signal] = []
    for _, some in groupby(sorted(found, key=_sort), key=lambda one: (one.kind, one.dimension)):
        kept += list(some)[:MOST_A_DAY]
    return sorted(kept, key=telling)


def _sort(signal: Signal) -> tuple[str, str, float, float, str]:
    return signal.kind, signal.dimension, signal.chance, -signal.observed, signal.value
