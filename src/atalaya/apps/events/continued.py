"""The event table page by page, each page beginning after the last event of the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from atalaya.core.store import Question
from atalaya.core.store.reading import ORDERS


@dataclass(frozen=True, kw_only=True)
class Continued(Question):
    """A question that goes on after one event: `after` are its values of the order's columns, None for a first page."""

    after: tuple[Any, ...] | None = None

    def with_limit(self, limit: int) -> Continued:
        """The same for so many events."""
        return replace(self, limit=limit)

    def narrowing(self) -> Iterator[pl.Expr]:
        """What the question asks, and only what comes after that event."""
        yield from super().narrowing()
        if self.after is not None:
            yield self._beyond(self.after)

    def _beyond(self, after: tuple[Any, ...]) -> pl.Expr:
        beyond, equal = pl.lit(False), pl.lit(True)
        for number, (name, value) in enumerate(zip(ORDERS[self.order], after, strict=True)):
            down = self.order == "newest" and number == 0
            beyond |= equal & _after(pl.col(name), value, down=down)
            equal &= pl.col(name).eq_missing(value)
        return beyond


def _after(column: pl.Expr, value: Any, *, down: bool) -> pl.Expr:
    if value is None:
        return pl.lit(False)
    beyond: pl.Expr = column < value if down else column > value
    return beyond | column.is_null()


def continued(question: Question, values: list[Any] | None) -> Continued:
    """The question from after the event with these values on; `values` as `last_of` gave them, out of a cursor."""
    asked = {field.name: getattr(question, field.name) for field in fields(question)}
    if values is None:
        return Continued(**asked)
    times: dict[str, Callable[[Any], Any]] = {"time_source": datetime.fromisoformat}
    after = tuple(times.get(n, _same)(v) for n, v in zip(ORDERS[question.order], values, strict=True))
    # Days that lie before are not even opened.
    if question.order == "newest":
        asked["until"] = after[0] + timedelta(microseconds=1)
    elif question.order == "oldest":
        asked["since"] = after[0]
    return Continued(**asked, after=after)


def _same(value: Any) -> Any:
    return value


def last_of(events: pl.DataFrame, order: str) -> list[Any]:
    """The values of the last event by which the next page finds its beginning."""
    return [events[name][-1] for name in ORDERS[order]]
