"""What was never there: a new malware, port, product or identifier, and one that spreads over several organisations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import polars as pl

from atalaya.core.analysis.series import provider_days
from atalaya.core.analysis.signals import Signal
from atalaya.core.analysis.tail import accepted, upper_tail

NEW_IN = ("malware", "identifier", "port", "product")
SPREADS_IN = ("malware", "identifier", "port", "destination", "product")
FORGOTTEN = 45
"""Days of not being seen after which a value is new again."""
LEARNING = 30
"""Days of history before anything can be called new."""
FEED_AGE = 21
"""Days that a provider of feeds must be known: to a new one everything is new."""
ONCE_IN = 45.0
"""A new value is told when so many findings at once are brought by a new value at most once in this many days."""
SPREAD_DAYS = 3
"""Days within which a campaign reaches its organisations."""
LEAST_ORGANISATIONS = 3
CAMPAIGN_RATE = 0.01
"""False discovery rate among all values of a day that may be a campaign."""


@dataclass(frozen=True)
class Debut:
    """The first day of a value after `FORGOTTEN` days without it, and its findings of that and the next two days."""

    value: str
    day: date
    counts: tuple[int, ...]
    before: date | None

    def most(self, until: date) -> int:
        """Most findings on one of those days, of which `until` is the last to be looked at."""
        return max(self.counts[: (until - self.day).days + 1], default=0)


@dataclass(frozen=True)
class Debuts:
    """Every debut of every value in `NEW_IN`, and every first day of a value in an organisation in `SPREADS_IN`."""

    first: date
    values: dict[str, list[Debut]]
    pairs: dict[str, pl.DataFrame]
    """Columns value, organisation, day, for each dimension."""

    @classmethod
    def of(cls, cells: pl.DataFrame, begun: date) -> Debuts:
        """Of all cells that the node knows of, the first of which are of the day `begun`."""
        known = _with_youth(cells, begun)
        return cls(
            begun,
            {dimension: debuts(known, dimension) for dimension in NEW_IN},
            {dimension: _new_pairs(known, dimension, begun) for dimension in SPREADS_IN},
        )


def new_values(known: Debuts, dimension: str, today: date) -> Iterator[Signal]:
    """Values of a dimension that came today or up to two days before, if that is rare.

    With N days of watching behind us, on which K new values had at least as many findings s on one of their first three
    days, a new value of that size is expected r = (K + 1/2) / N times a day (Jeffreys' estimate of a Poisson rate); it is
    told when r <= 1/ONCE_IN. Where new ports come every week, one more is no news; one on twenty machines is.
    """
    start = known.first + timedelta(days=LEARNING)
    recent = today - timedelta(days=SPREAD_DAYS - 1)
    watched = (today - start).days
    if watched <= 0:
        return
    past = [one.most(today) for one in known.values[dimension] if start <= one.day < recent]
    for one in known.values[dimension]:
        if not max(start, recent) <= one.day <= today or not one.counts[(today - one.day).days]:
            continue
        rate = (sum(most >= one.most(today) for most in past) + 0.5) / watched
        if rate <= 1 / ONCE_IN:
            facts = {"before": one.before.isoformat() if one.before else "", "watched": watched + LEARNING}
            yield Signal(
                "new", dimension, one.value, one.day, today, one.most(today), rate, -math.expm1(-rate), facts
            )


def debuts(cells: pl.DataFrame, dimension: str) -> list[Debut]:
    """Every debut of every value, oldest first, those left out that only a new provider knows of."""
    daily = (
        cells.drop_nulls(dimension).group_by(pl.col(dimension).alias("value"), "day")
        .agg(pl.col("count").sum(), pl.col("young").all()).sort("value", "day")
    )  # fmt: skip
    found: list[Debut] = []
    last: dict[str, date] = {}
    for value, day, count, young in daily.iter_rows():
        before = last.get(value)
        last[value] = day
        if before is None or (day - before).days > FORGOTTEN:
            if not young:
                found.append(Debut(value, day, (count,) + (0,) * (SPREAD_DAYS - 1), before))
        elif found and found[-1].value == value and (age := (day - found[-1].day).days) < SPREAD_DAYS:
            counts = found[-1].counts
            found[-1] = replace(found[-1], counts=(*counts[:age], count, *counts[age + 1 :]))
    return sorted(found, key=lambda one: (one.day, one.value))


def _with_youth(cells: pl.DataFrame, begun: date) -> pl.DataFrame:
    """The cells with `young`: whether they are of a provider that came after the learning days, in its first days."""
    heard = {feed: day for feed, day in provider_days(cells).items() if (day - begun).days > LEARNING}
    first = pl.col("feed").replace_strict(heard, default=None, return_dtype=pl.Date())
    young = (pl.col("day") < first + pl.duration(days=FEED_AGE)).fill_null(False)
    return cells.with_columns(young=young)


def campaigns(known: Debuts, today: date) -> list[Signal]:
    """Values that came to several organisations within `SPREAD_DAYS`, today among them, unlike before.

    A pair of value and organisation is new when it was not seen for `LEARNING` days. P new pairs on the N days before
    give a rate of (P + 1/2) / N new organisations a day; k organisations in three days are as likely as the upper tail of
    a count with that mean and twice its variance (organisations that share a supplier come together).
    """
    start = known.first + timedelta(days=LEARNING)
    before = today - timedelta(days=SPREAD_DAYS)
    watched = (before - start).days
    if watched < LEARNING // 2:
        return []
    found: list[Signal] = []
    for dimension, pairs in known.pairs.items():
        past = dict(pairs.filter(pl.col("day") <= before).group_by("value").len().iter_rows())
        for value, which, first, last in _reached(
            pairs.filter(pl.col("day") > before, pl.col("day") <= today)
        ):
            mean = SPREAD_DAYS * (past.get(value, 0) + 0.5) / watched
            chance = upper_tail(len(which), mean, 2 * mean) if last == today else 1.0
            facts = {"organisations": which[:20]}
            found.append(Signal("campaign", dimension, value, first, today, len(which), mean, chance, facts))
    believed = accepted(np.array([one.chance for one in found], np.float64), CAMPAIGN_RATE)
    return [
        one for one, true in zip(found, believed, strict=True) if true and one.observed >= LEAST_ORGANISATIONS
    ]


def _reached(pairs: pl.DataFrame) -> Iterator[tuple[str, list[str], date, date]]:
    """Each value with the organisations that it came to, and the first and last day of that."""
    found = pairs.group_by("value").agg(
        pl.col("organisation").unique().sort(), first=pl.col("day").min(), last=pl.col("day").max()
    )
    yield from found.sort("value").iter_rows()


def _new_pairs(cells: pl.DataFrame, dimension: str, begun: date) -> pl.DataFrame:
    """First days of a value in an organisation, those of the learning days left out."""
    seen = (
        cells.drop_nulls([dimension, "organisation"])
        .group_by(pl.col(dimension).alias("value"), "organisation", "day").agg(pl.col("young").all())
        .sort("value", "organisation", "day")
    )  # fmt: skip
    gap = (pl.col("day") - pl.col("day").shift(1).over("value", "organisation")).dt.total_days()
    return seen.filter(
        (gap > LEARNING).fill_null(True), ~pl.col("young"), pl.col("day") >= begun + timedelta(days=LEARNING)
    ).drop("young")
