"""Columns that say the same in every row, kept once: a feed's name need not be carried, hashed and sorted for each event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

Same = Mapping[str, str]
"""Text columns that have one value in all rows, and that value."""
NOTHING: Same = {}
_READ_BY_ROW = frozenset({"source_ip", "source_fqdn", "source_url", "source_account"})
"""Texts that later stages read row by row."""


@dataclass(frozen=True)
class Events:
    """Some events: `rows` has the columns that differ from row to row. A column in neither part is empty."""

    rows: pl.DataFrame
    same: Same = field(default_factory=dict)

    def carrying(self, names: Iterable[str]) -> pl.DataFrame:
        """The rows with some of the columns that are the same in all."""
        return self.rows.with_columns(pl.lit(self.same[name], pl.String).alias(name) for name in names)


def split(events: pl.DataFrame) -> Events:
    """Take out the text columns that have one value in all rows, and those that have none."""
    names = [name for name, kind in events.schema.items() if kind == pl.String and name not in _READ_BY_ROW]
    same = {name: str(events[name][0]) for name in names if is_same(events[name])}
    empty = [name for name in names if events[name].null_count() == events.height]
    return Events(events.drop(*same, *empty), same)


def is_same(column: pl.Series) -> bool:
    """Whether there is one value in all rows, and there are rows."""
    if column.null_count() or not len(column) or column[0] != column[-1]:
        return False
    return len(column) < 3 or bool((column == column[0]).all())


def joined(parts: Sequence[Events]) -> Events:
    """Several events as one, each column in one piece of memory; what is the same in all of them stays apart."""
    same = {
        name: value
        for name, value in parts[0].same.items()
        if all(part.same.get(name) == value for part in parts)
    }
    # Gathering rows from several pieces of memory is ten times slower than from one.
    rows = [part.carrying(name for name in part.same if name not in same) for part in parts]
    return Events(pl.concat(rows, how="diagonal", rechunk=True), same)
