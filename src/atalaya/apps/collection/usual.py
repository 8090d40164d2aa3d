"""The rows of the last fetch against the usual. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

LEAST_RUNS = 4
"""Fetches with something new before the last one that make a usual."""


@dataclass(frozen=True)
class Usual:
    """Rows of the last fetches that brought something, the oldest first."""

    rows: tuple[int, ...]

    @property
    def last(self) -> int | None:
        return self.rows[-1] if self.rows else None

    @property
    def middle(self) -> int | None:
        """The median of those before the last one; None while there are too few to tell."""
        before = self.rows[:-1]
        return round(median(before)) if len(before) >= LEAST_RUNS else None

    @property
    def verdict(self) -> str:
        """ "less": under half of the usual; "more": over three times as much; else ""."""
        if self.last is None or self.middle is None:
            return ""
        if 2 * self.last < self.middle:
            return "less"
        return "more" if self.last > 3 * max(self.middle, 1) else ""


def of(rows_newest_first: Sequence[int]) -> Usual:
    """From rows as the database gives them, the newest first."""
    return Usual(tuple(reversed(rows_newest_first)))
