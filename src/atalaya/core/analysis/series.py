"""Cells as series: one row of daily counts for each value of a dimension, and which days are known.

A feed that was silent says nothing about that day. A feed is silent on a day without a count when it has some on most
days, and on every day before its provider was first heard; a series does not know a day on which the feeds that it comes from are mostly silent. After such a silence some
feeds hand in everything at once: `catching_up` says by how much a day may be larger for that reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from atalaya.core.analysis.tail import Floats

REGULAR = 0.6
"""Share of days with events, from its first one on, from which on a feed's silence is one."""
COVERED = 0.8
"""Share of a series' usual feeds that must have spoken on a day for its count to be believed."""
MOST_SILENCE = 14
"""Days of silence that one day may make up for."""


@dataclass(frozen=True)
class Series:
    """`counts`, `known` and `catching_up`: series x days."""

    names: tuple[tuple[str, str], ...]
    """Dimension and value of each series."""
    days: tuple[date, ...]
    counts: Floats
    known: npt.NDArray[np.bool_]
    catching_up: Floats

    @property
    def weekdays(self) -> npt.NDArray[np.int64]:
        return np.array([day.weekday() for day in self.days], np.int64)

    def until(self, day: date, most: int) -> Series:
        """The same up to `day`, and at most so many days of it."""
        end = (day - self.days[0]).days + 1
        part = slice(max(0, end - most), end)
        return Series(
            self.names, self.days[part], self.counts[:, part], self.known[:, part], self.catching_up[:, part]
        )


def with_sectors(cells: pl.DataFrame, sectors: Mapping[str, str]) -> pl.DataFrame:
    """The cells with a column `sector`: that of the organisation, by its UUID; null where nobody is known."""
    return cells.with_columns(
        sector=pl.col("organisation").replace_strict(dict(sectors), default=None, return_dtype=pl.String())
    )


def days_between(first: date, last: date) -> tuple[date, ...]:
    """Every day from `first` to `last`, both included."""
    return tuple(first + timedelta(days=n) for n in range((last - first).days + 1))


def of(cells: pl.DataFrame, days: tuple[date, ...], dimensions: tuple[str, ...]) -> Series:
    """The series of these dimensions of `with_sectors`' cells over `days`, which follow each other."""
    return _series(cells, days, dimensions, Feeds.of(cells, days))


def of_peaks(peaks: pl.DataFrame, cells: pl.DataFrame, days: tuple[date, ...]) -> Series:
    """The busiest hour of each day for classes and organisations. What is known is taken from the cells."""
    whole = of(cells, days, ("class", "organisation"))
    at = {day: index for index, day in enumerate(days)}
    rows = {name: index for index, name in enumerate(whole.names)}
    counts = np.zeros_like(whole.counts)
    for day, dimension, value, count in peaks.select("day", "dimension", "value", "count").iter_rows():
        if day in at and (dimension, value) in rows:
            counts[rows[dimension, value], at[day]] = count
    return Series(whole.names, days, counts, whole.known, whole.catching_up)


@dataclass(frozen=True)
class Feeds:
    """Which feed spoke on which day, and how long each had been silent before."""

    at: dict[str, int]
    silent: npt.NDArray[np.bool_]
    """Feeds x days."""
    before: Floats
    """Days of silence that ended on this day."""

    @classmethod
    def of(cls, cells: pl.DataFrame, days: tuple[date, ...]) -> Feeds:
        """From the cells of these days."""
        names = sorted(cells["feed"].drop_nulls().unique())
        at = {name: index for index, name in enumerate(names)}
        spoke = np.zeros((len(names), len(days)), dtype=np.bool_)
        index = {day: n for n, day in enumerate(days)}
        for feed, day in cells.select("feed", "day").unique().iter_rows():
            if feed is not None and day in index:
                spoke[at[feed], index[day]] = True
        first = spoke.argmax(axis=1)
        regular = spoke.sum(axis=1) / np.maximum(len(days) - first, 1) >= REGULAR
        number = np.arange(len(days))[None, :]
        silent = ~spoke & regular[:, None] & (number >= first[:, None])
        known = provider_days(cells)
        unheard = np.array([days.index(max(known[name], days[0])) for name in names], np.int64)
        return cls(at, silent | (number < unheard[:, None]), _silence_before(silent))


def provider_days(cells: pl.DataFrame) -> dict[str, date]:
    """For each feed the first day on which its provider was heard.

    A provider that reports nothing of a kind may send no file of it: the feed's own first day says nothing.
    """
    first = pl.col("day").min().over("provider")
    found = cells.drop_nulls("feed").select("feed", first=first).group_by("feed").agg(pl.col("first").min())
    return dict(found.iter_rows())


def _silence_before(silent: npt.NDArray[np.bool_]) -> Floats:
    before = np.zeros(silent.shape)
    run = np.zeros(len(silent))
    for day in range(silent.shape[1]):
        before[:, day] = np.where(silent[:, day], 0, np.minimum(run, MOST_SILENCE))
        run = np.where(silent[:, day], run + 1, 0)
    return before


def _series(cells: pl.DataFrame, days: tuple[date, ...], dimensions: tuple[str, ...], feeds: Feeds) -> Series:
    names: list[tuple[str, str]] = []
    blocks: list[Floats] = []
    shares: list[Floats] = []
    for dimension in dimensions:
        values, counts, by_feed = _block(cells, days, dimension, feeds)
        names += [(dimension, value) for value in values]
        blocks.append(counts)
        shares.append(by_feed / np.maximum(by_feed.sum(axis=1, keepdims=True), 1))
    counts = np.concatenate(blocks) if blocks else np.zeros((0, len(days)))
    share = np.concatenate(shares) if shares else np.zeros((0, len(feeds.at)))
    known = 1 - share @ feeds.silent >= COVERED
    return Series(tuple(names), days, counts, known, 1 + share @ feeds.before)


def _block(
    cells: pl.DataFrame, days: tuple[date, ...], dimension: str, feeds: Feeds
) -> tuple[list[str], Floats, Floats]:
    """Values of one dimension, their daily counts, and how much of each comes from which feed."""
    columns = [dimension, "day", "count"] if dimension == "feed" else [dimension, "feed", "day", "count"]
    some = cells.select(columns).drop_nulls(dimension).filter(pl.col("day").is_between(days[0], days[-1]))
    values = sorted(some[dimension].unique())
    row = {value: n for n, value in enumerate(values)}
    counts, by_feed = np.zeros((len(values), len(days))), np.zeros((len(values), len(feeds.at)))
    summed = some.group_by(dimension, "day").agg(pl.col("count").sum())
    index = {day: n for n, day in enumerate(days)}
    for value, day, count in summed.select(dimension, "day", "count").iter_rows():
        counts[row[value], index[day]] = count
    told = some.drop_nulls("feed").group_by(value=dimension, by="feed").agg(pl.col("count").sum())
    for value, feed, count in told.select("value", "by", "count").iter_rows():
        by_feed[row[value], feeds.at[feed]] = count
    return values, counts, by_feed
