"""What every format reader yields: rows of text, and the rows that could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

ROW = "__row"
"""Column of row numbers: the first data record of a file is row 1."""
REST = "__rest"
"""Column with one JSON object of the values that have no column of their own (JSON formats only)."""

REJECT_SCHEMA: dict[str, pl.DataType] = {
    "row": pl.Int64(),
    "field": pl.String(),
    "reason": pl.String(),
    "raw": pl.String(),
}


def no_rejects() -> pl.DataFrame:
    """An empty table of rejected rows."""
    return pl.DataFrame(schema=REJECT_SCHEMA)


@dataclass(frozen=True)
class Batch:
    """Some consecutive records of one file.

    `rows`: one String column for each column of the file, an empty cell being null or "", and
    `__row` (Int64). `rejects`: row (Int64), field, reason and raw (String), at most one for each row.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame = field(default_factory=no_rejects)
