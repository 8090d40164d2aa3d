"""Compile a declaration and a header into a function from a batch of text to typed events."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import polars as pl

from atalaya.core import limits
from atalaya.core.errors import BadInput
from atalaya.core.feeds import extra
from atalaya.core.feeds.casts import CASTS, Cast
from atalaya.core.feeds.declaration import Feed, Mapped, Target
from atalaya.core.formats import reasons
from atalaya.core.formats.batch import REJECT_SCHEMA, REST, ROW, Batch
from atalaya.core.schema.columns import BY_NAME, name_of

EXTRA = "extra"


@dataclass
class _Work:
    """What becomes of one batch, column by column."""

    height: int
    fields: dict[str, pl.Series] = field(default_factory=dict)
    extras: list[tuple[str, pl.Series]] = field(default_factory=list)
    ready: list[pl.Series] = field(default_factory=list)
    failed: dict[str, list[tuple[str, pl.Series]]] = field(default_factory=dict)
    """IDF field -> (column, mask of cells that could not be cast)."""

    def keep(self, key: str, values: pl.Series) -> None:
        """Put values into `extra`, under a key of their own where another column holds `key` in the same rows."""
        name, number = key, 2
        while any(taken == name and _overlap(others, values) for taken, others in self.extras):
            name, number = f"{key}_{number}", number + 1
        self.extras.append((name, values))


class Mapper:
    """Maps the batches of files that have the columns `header` to events of `feed`.

    Raises BadInput where the header lacks the columns of a required field.
    """

    def __init__(self, feed: Feed, header: Sequence[str]) -> None:
        self._feed = feed
        order = {name: at for at, name in enumerate(feed.columns)}
        there = [name for name in header if name not in (ROW, REST)]
        self._parts = {
            name: part
            for part in feed.parts
            if part in there
            for name in feed.columns
            if name.startswith(f"{part}.")
        }
        names = sorted((*there, *self._parts), key=lambda one: order.get(one, len(order)))
        self._columns = {name: self._targets(name) for name in names}
        self._sources = _sources(self._columns)
        self._constants = _constants(feed)
        self._required = tuple(
            tuple(one for one in fields if one in self._sources or one in self._constants)
            for fields in feed.required
        )
        if not all(self._required):
            self._refuse()

    def _targets(self, name: str) -> tuple[Target, ...]:
        told = self._feed.columns.get(name)
        return (Target(f"extra.{name.removeprefix('extra.')}", "text"),) if told is None else told

    def _refuse(self) -> None:
        lacking = next(
            fields for fields, there in zip(self._feed.required, self._required, strict=True) if not there
        )
        wanted = {
            name
            for name, targets in self._feed.columns.items()
            if any(one.field in lacking for one in targets)
        }
        known = ", ".join(sorted(wanted & set(self._feed.layout) or wanted))
        raise BadInput(
            f"The file has no column for {' or '.join(lacking)}, which {self._feed.name} needs: {known}.",
            advice="The first line must name the columns. Choose another feed if this is another kind of file.",
        )

    def map(self, batch: Batch) -> Mapped:
        """Typed events and rejects of one batch."""
        frame, work = batch.rows, _Work(batch.rows.height)
        cells = {name: _without_blanks(frame[name]) for name in self._columns if name in frame.columns}
        cells |= {
            name: _part(cells[part], name.removeprefix(f"{part}.")) for name, part in self._parts.items()
        }
        for name in cells:
            self._place(name, self._columns[name], cells, work)
        if REST in frame.columns:
            work.ready.append(frame[REST])
        events = self._events(frame, cells, work, plain=batch.plain)
        events, rejected = self._reject(events, frame, work)
        rejects = pl.concat([batch.rejects, rejected]).sort("row") if rejected.height else batch.rejects
        return Mapped(events, rejects, frame.height + batch.rejects.height)

    def _place(
        self, name: str, targets: tuple[Target, ...], cells: Mapping[str, pl.Series], work: _Work
    ) -> None:
        """Cast one column for each of its targets, and keep in `extra` what no target took."""
        column = cells[name]
        if column.null_count() == work.height:
            return
        untaken: list[pl.Series | None] = []
        for target in targets:
            cast = CASTS[target.cast]
            meant = _without(column, cast.nothing)
            values = _apply(cast, target, meant, cells)
            bad = _failed(meant, values)
            untaken.append(bad)
            self._give(name, target, values, None if cast.partial else bad, work)
        if (left := _all(untaken)) is not None and left.any():
            work.keep(targets[0].key or name, _only(column, left))

    def _give(self, name: str, target: Target, values: pl.Series, bad: pl.Series | None, work: _Work) -> None:
        """Give cast values to their field, or to `extra` where another column came first."""
        if target.key:
            work.keep(target.key, values)
            return
        if bad is not None:
            work.failed.setdefault(target.field, []).append((name, bad))
        if target.field == EXTRA:
            work.ready.append(values)
            return
        first = work.fields.get(target.field)
        if first is None:
            work.fields[target.field] = values
            return
        work.fields[target.field] = _first_of(first, values)
        second = first.is_not_null() & values.is_not_null() & (first != values)
        if len(self._columns[name]) == 1 and second.any():
            work.keep(name, _only(values.cast(pl.String()), second))

    def _events(
        self, frame: pl.DataFrame, cells: Mapping[str, pl.Series], work: _Work, *, plain: bool
    ) -> pl.DataFrame:
        """The event table of a batch, rejected rows included."""
        made = {name_of(one): values for one, values in work.fields.items()}
        made[EXTRA] = extra.objects(work.extras, work.ready, height=work.height, plain=plain)
        events = pl.DataFrame([values.alias(name) for name, values in made.items()])
        events = events.with_columns(frame[ROW].alias("raw_row"))
        events = events.with_columns(**_filled(self._constants, made))
        return events.with_columns(**_when(self._feed, cells, events.columns)) if self._feed.when else events

    def _reject(
        self, events: pl.DataFrame, frame: pl.DataFrame, work: _Work
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Split off the rows that lack a required field."""
        rejected: list[pl.DataFrame] = []
        bad_any: pl.Series | None = None
        for fields in self._required:
            lacking = _lacking(events, fields)
            if lacking is None:
                continue
            fresh = lacking if bad_any is None else lacking & ~bad_any
            bad_any = lacking if bad_any is None else bad_any | lacking
            rejected.extend(self._explain(fields, fresh, frame, work))
        if bad_any is None:
            return events, pl.DataFrame(schema=REJECT_SCHEMA)
        return events.filter(~bad_any), pl.concat(rejected)

    def _explain(
        self, fields: Sequence[str], lacking: pl.Series, frame: pl.DataFrame, work: _Work
    ) -> Iterable[pl.DataFrame]:
        """Rejects for the rows of one required field: where a cell was bad, why; else that it is missing."""
        left = lacking
        for one in fields:
            for column, bad in work.failed.get(one, []):
                yield _rejects(frame.filter(left & bad), column, _reason(self._columns[column], one))
                left = left & ~bad
        names = [name for one in fields for name in self._sources.get(one, [])]
        yield _rejects(frame.filter(left), names[0] if names else fields[0], reasons.MISSING)


def _sources(columns: Mapping[str, tuple[Target, ...]]) -> dict[str, list[str]]:
    """IDF field -> the columns that go there."""
    sources: dict[str, list[str]] = {}
    for name, targets in columns.items():
        for target in targets:
            sources.setdefault(target.field, []).append(name)
    return sources


def _constants(feed: Feed) -> dict[str, str]:
    """IDF field -> text for every event of the feed."""
    constants = {
        "feed.code": feed.code,
        "feed.name": feed.name,
        "feed.provider": feed.provider,
        "feed.documentation": feed.documentation,
        "severity": feed.severity,
        "tlp": feed.tlp,
    }
    return {one: value for one, value in (constants | dict(feed.constants)).items() if value}


def _without_blanks(column: pl.Series) -> pl.Series:
    """Null instead of empty cells."""
    empty = column == ""
    return column.set(empty, None) if empty.any() else column


def _part(column: pl.Series, key: str) -> pl.Series:
    """The value after `key:` in cells of the form `KEY: value; KEY: value`."""
    return _without_blanks(column.str.extract(rf"(?:^|;)\s*{re.escape(key)}:([^;]*)").str.strip_chars())


def _without(column: pl.Series, nothing: frozenset[str]) -> pl.Series:
    if not nothing:
        return column
    none = column.is_in(list(nothing))
    return column.set(none, None) if none.any() else column


def _apply(cast: Cast, target: Target, column: pl.Series, cells: Mapping[str, pl.Series]) -> pl.Series:
    beside = [cells[name] for name in target.argument.split() if name in cells]
    if cast.beside is not None and beside:
        return cast.beside(column, reduce(_first_of, beside))
    return cast.function(column)


def _failed(column: pl.Series, values: pl.Series) -> pl.Series | None:
    """Mask of the cells that have text and gave no value; None where there is none."""
    if values.null_count() == column.null_count():
        return None
    return column.is_not_null() & values.is_null()


def _all(masks: Iterable[pl.Series | None]) -> pl.Series | None:
    """Where every mask is set; None where one is None or there are none."""
    left: pl.Series | None = None
    for mask in masks:
        if mask is None:
            return None
        left = mask if left is None else left & mask
    return left


def _overlap(one: pl.Series, other: pl.Series) -> bool:
    """Whether any row has a value in both."""
    return (one.is_not_null() & other.is_not_null()).any()


def _first_of(first: pl.Series, second: pl.Series) -> pl.Series:
    return pl.select(pl.coalesce(pl.lit(first), pl.lit(second))).to_series()


def _only(column: pl.Series, mask: pl.Series) -> pl.Series:
    """The column with null wherever the mask is not set."""
    return pl.select(pl.when(pl.lit(mask)).then(pl.lit(column))).to_series()


def _filled(constants: Mapping[str, str], made: Mapping[str, pl.Series]) -> dict[str, pl.Expr]:
    """Constants as columns, each giving way to what a row says itself."""
    filled: dict[str, pl.Expr] = {}
    for one, text in constants.items():
        name = name_of(one)
        value = pl.lit(text).cast(BY_NAME[name].dtype)
        if name not in made:
            filled[name] = value
        elif made[name].null_count():
            filled[name] = pl.col(name).fill_null(value)
    return filled


def _when(feed: Feed, cells: Mapping[str, pl.Series], there: Sequence[str]) -> dict[str, pl.Expr]:
    """Constants that hold only in the rows whose column has a certain word."""
    changed: dict[str, pl.Expr] = {}
    for rule in feed.when:
        if rule.column in cells:
            has = pl.lit(cells[rule.column].str.contains(rule.has, literal=True).fill_null(value=False))
            for one, text in rule.constants.items():
                name = name_of(one)
                before = changed.get(name, pl.col(name) if name in there else pl.lit(None))
                value = pl.lit(text).cast(BY_NAME[name].dtype)
                changed[name] = pl.when(has).then(value).otherwise(before)
    return changed


def _lacking(events: pl.DataFrame, fields: Sequence[str]) -> pl.Series | None:
    """Mask of the rows without a value in any of the fields; None where every row has one."""
    names = [name_of(one) for one in fields if name_of(one) in events.columns]
    if any(not events[name].null_count() for name in names):
        return None
    lacking = pl.Series([True]).new_from_index(0, events.height)
    for name in names:
        lacking = lacking & events[name].is_null()
    return lacking if lacking.any() else None


def _reason(targets: Iterable[Target], one: str) -> str:
    return next(CASTS[target.cast].reason for target in targets if target.field == one)


def _rejects(rows: pl.DataFrame, column: str, reason: str) -> pl.DataFrame:
    raws = [_as_line(row) for row in rows.drop(ROW).rows()]
    return pl.DataFrame(
        {"row": rows[ROW], "field": column, "reason": reason, "raw": pl.Series(raws, dtype=pl.String())},
        schema=REJECT_SCHEMA,
    )


def _as_line(cells: Sequence[str | None]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()[: limits.REJECT_RAW_CHARS]
