"""Rows that were refused: kept one by one up to a limit, so that a file of nothing else cannot fill the database."""

from __future__ import annotations

import polars as pl

from atalaya.core import limits
from atalaya.core.pipeline.result import REJECTS, no_rejects


class Rejects:
    """Rejected rows: so many one by one, the others counted by field and reason."""

    def __init__(self) -> None:
        self._kept, self._beyond = [no_rejects()], [no_rejects()]
        self.total = 0

    def add(self, rejects: pl.DataFrame) -> None:
        """Count some more: columns row, field, reason and raw."""
        room = max(0, limits.REJECTS_KEPT - self.total)
        self.total += rejects.height
        self._kept.append(rejects.head(room).with_columns(count=pl.lit(1, pl.Int64)).select(REJECTS.keys()))
        if rejects.height > room:
            rest = rejects.slice(room).with_columns(count=pl.lit(1, pl.Int64))
            self._beyond = [self._sum([*self._beyond, rest])]

    def table(self) -> pl.DataFrame:
        """All of them (columns: `result.REJECTS`)."""
        return pl.concat([*self._kept, *self._beyond])

    @staticmethod
    def _sum(tables: list[pl.DataFrame]) -> pl.DataFrame:
        joined = pl.concat([table.select("field", "reason", "count") for table in tables])
        summed = joined.group_by("field", "reason").agg(pl.col("count").sum()).sort("field", "reason")
        empty = {"row": pl.lit(None, pl.Int64), "raw": pl.lit("")}
        return summed.with_columns(**empty).select(REJECTS.keys())
