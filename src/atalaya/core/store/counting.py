"""Counting events: from the roll-ups of large files where they tell, from the events themselves everywhere else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from atalaya.core.errors import BadInput
from atalaya.core.schema.columns import BY_NAME, polars_schema
from atalaya.core.store import rollup
from atalaya.core.store.question import Question
from atalaya.core.store.reading import answers, candidates

_HOUR = 3600
_STEPS = (60, 300, 900, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, 86_400, 7 * 86_400, 28 * 86_400)
"""Widths of a histogram's bucket, in seconds, from the narrowest."""


def count(root: Path, files: pl.DataFrame, question: Question) -> int:
    """How many events answer the question."""
    chosen = candidates(files, question)
    if question.everything():
        covered = question.covers()
        return int(chosen.filter(covered)["rows"].sum()) + _count(root, chosen.filter(~covered), question)
    if told := rollup.counts(root, chosen, question):
        return int(told.rows["count"].sum()) + _count(root, told.others, question)
    return _count(root, chosen, question)


def _count(root: Path, files: pl.DataFrame, question: Question) -> int:
    if files.is_empty():
        return 0
    return int(answers(root, files, question).select(pl.len()).collect(engine="streaming").item())


def histogram(root: Path, files: pl.DataFrame, question: Question, buckets: int) -> pl.DataFrame:
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
    events = answers(root, chosen, question).group_by(tick=tick, type="classification_type")
    parts.append(events.agg(count=pl.len().cast(pl.Int64)).collect(engine="streaming"))
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


def top(root: Path, files: pl.DataFrame, question: Question, column: str, n: int) -> pl.DataFrame:
    """Columns value and count. Raises BadInput for an unknown column."""
    if column not in BY_NAME:
        raise BadInput(f"There is no column {column}.")
    chosen = candidates(files, question)
    kind = pl.String() if column == "owners" else polars_schema()[column]
    parts = []
    told = rollup.counts(root, chosen, question, column) if column in rollup.FACETS else None
    if told:
        chosen = told.others
        parts = [told.rows.select(pl.col("value").cast(kind), "count")]
    found = answers(root, chosen, question).select(value=pl.col(column))
    if column == "owners":
        found = found.explode("value")
    counted = found.drop_nulls().group_by("value").agg(count=pl.len().cast(pl.Int64))
    parts.append(counted.collect(engine="streaming"))
    summed = pl.concat(parts).group_by("value").agg(pl.col("count").sum())
    return summed.sort("count", "value", descending=[True, False]).head(n)
