"""What an answer is made of: how often each value of some columns comes, in one pass over the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from atalaya.core.store import counting, reading
from atalaya.core.store.question import Question
from atalaya.core.store.table import EventTable
from atalaya.core.store.tally import Tally, tallied


def facets(table: EventTable, question: Question, columns: Sequence[str], n: int) -> dict[str, pl.DataFrame]:
    """For each column its most frequent values: columns value and count, null left out, the first n."""
    files = reading.candidates(table.manifest(), question)
    told = {column: counting.told(table.path, files, question, column) for column in columns}
    # Roll-ups tell of the same files for all columns of which they tell at all: two sets of files, each read once.
    sets: dict[bool, list[str]] = {}
    for column, known in told.items():
        sets.setdefault(known is not None, []).append(column)
    every: dict[str, pl.DataFrame] = {}
    for some in sets.values():
        known = told[some[0]]
        by = [Tally((pl.col(column).alias("value"),), filled=True) for column in some]
        counted = tallied(table.path, known.others if known else files, question, by, table.engine)
        every |= dict(zip(some, counted, strict=True))
    return {column: counting.summed(told[column], every[column]).head(n) for column in columns}


def _answers(table: EventTable, question: Question) -> pl.LazyFrame:
    files = reading.candidates(table.manifest(), question)
    return reading.answers(table.path, files, question)


def _int(expression: pl.Expr) -> pl.Expr:
    return expression.cast(pl.Int64)


@dataclass(frozen=True)
class Change:
    """Two periods side by side. `events`, `distinct[column]`: (before, now). `values[column]`: columns value, before
    and now, the largest change first; `new` and `gone` count the values of a column that only one period has."""

    events: tuple[int, int]
    distinct: dict[str, tuple[int, int]]
    new: dict[str, int]
    gone: dict[str, int]
    values: dict[str, pl.DataFrame]


def compare(
    table: EventTable, question: Question, before: tuple[datetime, datetime], columns: Sequence[str], n: int
) -> Change:
    """The question's own period against another one, for each column; null is left out of all but `events`."""
    then = replace(question, since=before[0], until=before[1])
    both = pl.concat(
        [
            _answers(table, question).select(*columns, now=pl.lit(True)),
            _answers(table, then).select(*columns, now=pl.lit(False)),
        ]
    )
    total = both.select(before=_int((~pl.col("now")).sum()), now=_int(pl.col("now").sum()))
    first, *counted = pl.collect_all([total, *(_both(both, column) for column in columns)])
    found = dict(zip(columns, counted, strict=True))
    return Change(
        events=(int(first["before"][0] or 0), int(first["now"][0] or 0)),
        distinct={name: (_some(rows, "before"), _some(rows, "now")) for name, rows in found.items()},
        new={name: rows.filter(pl.col("before") == 0).height for name, rows in found.items()},
        gone={name: rows.filter(pl.col("now") == 0).height for name, rows in found.items()},
        values={name: _changed(rows, n) for name, rows in found.items()},
    )


def _both(both: pl.LazyFrame, column: str) -> pl.LazyFrame:
    return (
        both.select(value=pl.col(column), now="now")
        .drop_nulls()
        .group_by("value")
        .agg(before=_int((~pl.col("now")).sum()), now=_int(pl.col("now").sum()))
    )


def _some(rows: pl.DataFrame, period: str) -> int:
    return rows.filter(pl.col(period) > 0).height


def _changed(rows: pl.DataFrame, n: int) -> pl.DataFrame:
    """What is new or gone, and what changed most, so that neither crowds the other out."""
    by = (pl.col("now") - pl.col("before")).abs()
    ranked = rows.sort(by, pl.col("value"), descending=[True, False])
    new = ranked.filter(pl.col("before") == 0).head(n)
    gone = ranked.filter(pl.col("now") == 0).head(n)
    moved = ranked.filter((pl.col("before") > 0) & (pl.col("now") > 0)).head(n)
    return pl.concat([new, gone, moved])
