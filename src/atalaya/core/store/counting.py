"""Counting events: from the roll-ups of large files where they tell, from the events themselves everywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from atalaya.core.engine import LOCAL, Engine
from atalaya.core.errors import BadInput
from atalaya.core.schema.columns import BY_NAME, polars_schema
from atalaya.core.store import rollup
from atalaya.core.store.question import Question
from atalaya.core.store.reading import candidates
from atalaya.core.store.tally import Tally, tallied

_HOUR = 3600
_STEPS = (60, 300, 900, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, 86_400, 7 * 86_400, 28 * 86_400)
"""Widths of a histogram's bucket, in seconds, from the narrowest."""


def count(root: Path, files: pl.DataFrame, question: Question, engine: Engine = LOCAL) -> int:
    """How many events answer the question."""
    chosen = candidates(files, question)
    if question.everything():
        covered = question.covers()
        known = int(chosen.filter(covered)["rows"].sum())
        return known + _count(root, chosen.filter(~covered), question, engine)
    if told := rollup.counts(root, chosen, question):
        return int(told.rows["count"].sum()) + _count(root, told.others, question, engine)
    return _count(root, chosen, question, engine)


def _count(root: Path, files: pl.DataFrame, question: Question, engine: Engine) -> int:
    if files.is_empty():
        return 0
    return int(tallied(root, files, question, [Tally()], engine)[0]["count"].item())


def histogram(
    root: Path, files: pl.DataFrame, question: Question, buckets: int, engine: Engine = LOCAL
) -> pl.DataFrame:
    """Columns time, type, count."""
    chosen = candidates(files, question)
    seconds = _bucket(chosen, question, buckets)
    parts = []
    told = rollup.counts(root, chosen, question) if seconds % _HOUR == 0 else None
    if told and told.by_value:
        chosen = told.others
        tick = pl.col("value").cast(pl.Int64) // (seconds // _HOUR)
        parts = [told.rows.select(tick=tick, type="classification_type", count="count")]
    tick = pl.col("time_source").to_physical() // (seconds * 1_000_000)
    by = Tally((tick.alias("tick"), pl.col("classification_type").alias("type")))
    parts += tallied(root, chosen, question, [by], engine)
    time = (pl.col("tick") * seconds * 1_000_000).cast(pl.Datetime("us", "UTC"))
    summed = pl.concat(parts).group_by("tick", "type").agg(pl.col("count").sum())
    return summed.select(time=time, type="type", count="count").sort("time", "type")


def _bucket(files: pl.DataFrame, question: Question, buckets: int) -> int:
    """Seconds of a bucket for the question's span, or that of the files where the question leaves it open."""
    if files.is_empty():
        return _STEPS[-1]
    days = files["day"]
    since = question.since or datetime.combine(days.min(), datetime.min.time(), UTC)  # type: ignore[arg-type]
    until = question.until or datetime.combine(days.max(), datetime.min.time(), UTC) + timedelta(days=1)  # type: ignore[arg-type]
    span = (until - since).total_seconds()
    return next((step for step in _STEPS if span / step <= buckets), _STEPS[-1])


def top(
    root: Path, files: pl.DataFrame, question: Question, column: str, n: int, engine: Engine = LOCAL
) -> pl.DataFrame:
    """Columns value and count. Raises BadInput for an unknown column."""
    if column not in BY_NAME:
        raise BadInput(f"There is no column {column}.")
    chosen = candidates(files, question)
    known = told(root, chosen, question, column)
    by = Tally((pl.col(column).alias("value"),), filled=True, exploded=column == "owners")
    counted = tallied(root, known.others if known else chosen, question, [by], engine)
    return summed(known, counted[0]).head(n)


@dataclass(frozen=True)
class Told:
    """What roll-ups say of a column: `rows` with value and count, a value perhaps in several rows; and the files that
    have to be counted event by event."""

    rows: pl.DataFrame
    others: pl.DataFrame


def told(root: Path, files: pl.DataFrame, question: Question, column: str) -> Told | None:
    """The values of a column among candidates that have a roll-up; None when roll-ups do not tell."""
    dimension = column in rollup.DIMENSIONS
    if not dimension and column not in rollup.FACETS:
        return None
    found = rollup.counts(root, files, question, rollup.HOUR if dimension else column)
    if found is None:
        return None
    kind = pl.String() if column == "owners" else polars_schema()[column]
    value = pl.col(column if dimension else "value").cast(kind).alias("value")
    return Told(found.rows.select(value, "count").drop_nulls(), found.others)


def summed(known: Told | None, counted: pl.DataFrame) -> pl.DataFrame:
    """What roll-ups say and what was counted, as one: each value once, the most frequent first."""
    every = pl.concat([known.rows, counted]) if known else counted
    totals = every.group_by("value").agg(pl.col("count").sum())
    return totals.sort("count", "value", descending=[True, False])
