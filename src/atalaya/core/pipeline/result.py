"""What came of one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

REJECTS: dict[str, pl.DataType] = {
    "row": pl.Int64(),
    "field": pl.String(),
    "reason": pl.String(),
    "raw": pl.String(),
    "count": pl.Int64(),
}
"""Columns of `Result.rejects`."""


def no_rejects() -> pl.DataFrame:
    """A rejects table with no rows."""
    return pl.DataFrame(schema=REJECTS)


@dataclass(frozen=True, kw_only=True)
class Result:
    """Counts for one file: `rows_read == kept + doubled + rejected`, always.

    `sightings` are the file's findings as `EventTable.findings_of` tells them, None where they have to be read there.
    `rejects` holds up to `limits.REJECTS_KEPT` rows one by one (count 1) and the rest by field and reason (row null,
    count > 0); it is empty when the file had been committed before. `committed` is False then: nothing was added.
    `touched` are the events that each rule decided on, by its code; `dropped` those that became rejected rows, by reason.
    """

    rows_read: int
    kept: int
    doubled: int
    rejected: int
    first_event_at: datetime | None
    last_event_at: datetime | None
    committed: bool
    rejects: pl.DataFrame = field(default_factory=no_rejects, compare=False)
    sightings: pl.DataFrame | None = field(default=None, compare=False)
    touched: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)

    def counts(self) -> dict[str, Any]:
        """The counts as commit metadata holds them: JSON values only."""
        return {
            "rows_read": self.rows_read,
            "kept": self.kept,
            "doubled": self.doubled,
            "rejected": self.rejected,
            "first_event_at": self.first_event_at.isoformat() if self.first_event_at else None,
            "last_event_at": self.last_event_at.isoformat() if self.last_event_at else None,
            **{name: dict(told) for name in _BY_RULE if (told := getattr(self, name))},
        }

    @classmethod
    def recorded(cls, counts: dict[str, Any]) -> Result:
        """The result of an earlier run, from the counts in its commit."""
        first, last = (datetime.fromisoformat(at) if (at := counts[name]) else None for name in _TIMES)
        return cls(
            rows_read=int(counts["rows_read"]),
            kept=int(counts["kept"]),
            doubled=int(counts["doubled"]),
            rejected=int(counts["rejected"]),
            first_event_at=first,
            last_event_at=last,
            committed=False,
            **{name: counts.get(name, {}) for name in _BY_RULE},
        )


_TIMES = ("first_event_at", "last_event_at")
_BY_RULE = ("touched", "dropped")
