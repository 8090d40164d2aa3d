"""Today against the usual, class by class. Pure: counts go in, verdicts come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

DAYS = 28
"""Whole days before today that say what is usual."""


@dataclass(frozen=True)
class Usual:
    """One class: events of each whole day before today (oldest first), and of today so far."""

    type: str
    before: tuple[int, ...]
    today: int

    @property
    def middle(self) -> int:
        """The median of the days before."""
        return round(median(self.before)) if self.before else 0

    @property
    def low(self) -> int:
        return _quantile(self.before, 0.1)

    @property
    def high(self) -> int:
        return _quantile(self.before, 0.9)

    @property
    def days(self) -> tuple[int, ...]:
        return (*self.before, self.today)

    @property
    def verdict(self) -> str:
        """ "new": never seen in the days before; "more": above nine days in ten, and by enough to matter; else "".

        Today is not over, so that few events by now say nothing.
        """
        if self.today and not any(self.before):
            return "new"
        return "more" if self.today > self.high and self.today >= self.middle + 5 else ""


def by_class(counts: Mapping[str, Sequence[int]]) -> list[Usual]:
    """One `Usual` for each class, what is unusual first, then by how much there is. The last count is today's."""
    found = [Usual(name, tuple(days[:-1]), days[-1]) for name, days in counts.items() if any(days)]
    return sorted(found, key=lambda one: (not one.verdict, -one.today, -sum(one.before), one.type))


def total(found: Sequence[Usual]) -> Usual:
    """All classes together. Raises ValueError when there are none."""
    if not found:
        raise ValueError("there are no classes to add up")
    sums = tuple(map(sum, zip(*(one.before for one in found), strict=True)))
    return Usual("", sums, sum(one.today for one in found))


def _quantile(values: Sequence[int], share: float) -> int:
    if not values:
        return 0
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]
