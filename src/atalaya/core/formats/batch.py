"""What every format reader yields: rows of text, and the rows that could not be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from atalaya.core import limits

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


@dataclass(frozen=True)
class Reject:
    """One row that is not read: its number, the field (or ""), why, and the start of its text."""

    row: int
    field: str
    reason: str
    raw: str


def rejects_table(rejects: Iterable[Reject] = ()) -> pl.DataFrame:
    """Rejected rows as a table (REJECT_SCHEMA), their text cut to `limits.REJECT_RAW_CHARS`."""
    rows = [(one.row, one.field, one.reason, one.raw[: limits.REJECT_RAW_CHARS]) for one in rejects]
    return pl.DataFrame(rows, schema=REJECT_SCHEMA, orient="row")


@dataclass(frozen=True)
class Batch:
    """Some consecutive records of one file.

    `rows`: one String column for each column of the file, an empty cell being null or "", and
    `__row` (Int64). `rejects`: row (Int64), field, reason and raw (String), at most one for each row.
    `plain`: no cell has a quotation mark, a backslash or a control character (False where that is not known).
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame = field(default_factory=rejects_table)
    plain: bool = False
