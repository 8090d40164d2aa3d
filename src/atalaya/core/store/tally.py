"""Counting answers group by group: at once where they are few, in pieces on the engine where they are many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from atalaya.core.engine import LOCAL, Engine
from atalaya.core.store import reading
from atalaya.core.store.question import Question

LARGE_ROWS = 5_000_000
"""Rows of the files that may hold an answer from which a cluster is asked: fewer are counted here in less time than it
takes to send for them."""
PIECE_ROWS = 1_000_000


@dataclass(frozen=True)
class Tally:
    """What is counted: the answers by these columns, those with an empty one left out where `filled`, and a list column
    once for each of its values where `exploded`."""

    by: tuple[pl.Expr, ...] = ()
    filled: bool = False
    exploded: bool = False


@dataclass(frozen=True)
class Asked:
    """A question and what is counted of its answers."""

    root: Path
    question: Question
    tallies: tuple[Tally, ...]


def tallied(
    root: Path, files: pl.DataFrame, question: Question, tallies: Sequence[Tally], engine: Engine = LOCAL
) -> list[pl.DataFrame]:
    """For each tally its columns and `count`, in no order. `files` are candidates of the question."""
    parts = list(engine.map(tally, _pieces(files, engine), Asked(root, question, tuple(tallies))))
    if len(parts) == 1:
        return parts[0]
    return [_summed([part[number] for part in parts]) for number in range(len(tallies))]


def tally(files: pl.DataFrame, asked: Asked) -> list[pl.DataFrame]:
    """The counts of some files: a stage that any process can do."""
    found = reading.answers(asked.root, files, asked.question)
    # The planner reads the files once for all of them: they share their plan up to the grouping.
    return pl.collect_all([_counted(found, one) for one in asked.tallies], engine="streaming")


def _counted(found: pl.LazyFrame, tally: Tally) -> pl.LazyFrame:
    count = pl.len().cast(pl.Int64).alias("count")
    if not tally.by:
        return found.select(count)
    rows = found.select(tally.by)
    names = [one.meta.output_name() for one in tally.by]
    rows = rows.explode(names) if tally.exploded else rows
    return (rows.drop_nulls() if tally.filled else rows).group_by(names).agg(count)


def _pieces(files: pl.DataFrame, engine: Engine) -> Iterator[pl.DataFrame]:
    """The files, in pieces where it pays."""
    if engine is LOCAL or files["rows"].sum() < LARGE_ROWS:
        yield files
        return
    before = files["rows"].cum_sum() - files["rows"]
    numbered = files.with_columns(piece=before // PIECE_ROWS)
    yield from (piece.drop("piece") for piece in numbered.partition_by("piece", maintain_order=True))


def _summed(parts: list[pl.DataFrame]) -> pl.DataFrame:
    every = pl.concat(parts)
    names = [name for name in every.columns if name != "count"]
    return every.group_by(names).agg(pl.col("count").sum()) if names else every.sum()
