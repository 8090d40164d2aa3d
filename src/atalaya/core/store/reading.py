"""Reading the event table: only the days, files, row groups and columns that can hold an answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from atalaya.core.schema.columns import polars_schema
from atalaya.core.store import layout
from atalaya.core.store.question import Question


@dataclass(frozen=True)
class Answer:
    """One page of events and how many there are in all."""

    rows: pl.DataFrame
    count: int


def scan(
    root: Path,
    paths: Iterable[str],
    condition: pl.Expr | None = None,
    *,
    part: tuple[int, int | None] = (0, None),
) -> pl.LazyFrame:
    """All columns of the schema, from files of the table. An empty list of files is an empty table.

    `condition` is on columns as they are in a file, in which `owners` stands only where there are several. `part`: the first
    of the rows to look at, and how many.
    """
    files = [root / path for path in paths]
    if not files:
        return pl.LazyFrame(schema=polars_schema())
    found = pl.scan_parquet(
        files,
        schema=layout.FILE_SCHEMA,
        missing_columns="insert",
        cast_options=pl.ScanCastOptions(categorical_to_string="allow"),
        hive_partitioning=False,
        glob=False,
    )
    # Here and not behind the columns that are made: the reader skips row groups by it.
    some = found if part == (0, None) else found.slice(*part)
    asked = some if condition is None else some.filter(condition)
    alone = pl.col("owners").is_null() & pl.col("owner").is_not_null()
    return asked.with_columns(
        day=pl.col("time_source").dt.date(),
        owners=pl.when(alone).then(pl.concat_list("owner")).otherwise("owners"),
    ).select(polars_schema().keys())


def candidates(files: pl.DataFrame, question: Question) -> pl.DataFrame:
    """The files of a manifest that can hold an answer, newest day first."""
    first, last = question.days()
    wanted = [layout.may_hold("state", sorted(question.states))]
    if first:
        wanted.append(pl.col("day") >= first)
    if last:
        wanted.append(pl.col("day") <= last)
    if question.feed:
        wanted.append(layout.may_hold("feed_code", [question.feed]))
    if span := question.addresses():
        low, high = pl.col("min.source_ip_key"), pl.col("max.source_ip_key")
        wanted.append(low.is_null() | ((low <= span[1]) & (high >= span[0])))
    if question.hosts:
        wanted.append(_may_hold_one_of(question.host_keys()))
    if question.organisations == frozenset() or not question.states:
        wanted.append(pl.lit(False))
    return files.filter(*wanted).sort("day", "path", descending=[True, False])


def _may_hold_one_of(keys: list[int]) -> pl.Expr:
    """Whether one of these sorted address keys lies between a file's lowest and highest, however many there are."""
    sorted_keys = pl.Series(keys, dtype=pl.Int64())

    def between(bounds: pl.Series) -> pl.Series:
        low, high = bounds.struct.field("min.source_ip_key"), bounds.struct.field("max.source_ip_key")
        first, after = sorted_keys.search_sorted(low, "left"), sorted_keys.search_sorted(high, "right")
        return pl.Series(first < after) | low.is_null()

    return pl.struct("min.source_ip_key", "max.source_ip_key").map_batches(between, return_dtype=pl.Boolean())


def answers(root: Path, files: pl.DataFrame, question: Question) -> pl.LazyFrame:
    """The answers in some candidates. What holds for a whole file is not asked of each of its rows."""
    whole, others = files.filter(question.covers()), files.filter(~question.covers())
    parts = [
        scan(root, some["path"], question.condition(whole=is_whole))
        for some, is_whole in ((whole, True), (others, False))
        if some.height
    ]
    return pl.concat(parts) if parts else scan(root, [])


FEW = 20_000
"""Answers that are read at once, to be counted and sorted in memory, where addresses are asked for."""


def answer(
    root: Path, files: pl.DataFrame, question: Question, columns: Sequence[str] | None = None
) -> Answer | None:
    """One page of events and their number in one pass, where that is quicker than two; else None.

    Events of an address lie side by side in each file, and most addresses have few: reading them is little more work than
    counting them. `columns`: those wanted, instead of all.
    """
    keys, condition = question.of_keys(), question.condition()
    if keys is None:
        return None
    wanted = _with_order(columns, question)
    # The files are asked for the keys alone, one column of numbers; everything else is asked of what they give.
    found = scan(root, candidates(files, question)["path"], keys)
    some = found.select({*wanted, *condition.meta.root_names()}).head(FEW + 1).collect()
    if some.height > FEW:
        return None
    few = some.filter(condition).select(wanted)
    by, descending = _sorting(question)
    page = few.sort(*by, descending=descending, nulls_last=True).slice(question.offset, question.limit)
    return Answer(page, few.height)


def rows(
    root: Path, files: pl.DataFrame, question: Question, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """One page of events. `columns`: those wanted, instead of all."""
    chosen, wanted = candidates(files, question), _with_order(columns, question)
    if question.order == "address":
        found = answers(root, chosen, question).select(wanted).sort(*ORDERS["address"], nulls_last=True)
        return found.slice(question.offset, question.limit).collect()
    return _by_time(root, chosen, question, wanted)


def _with_order(columns: Sequence[str] | None, question: Question) -> list[str]:
    """The columns wanted and those of the question's order."""
    return list(dict.fromkeys((*columns, *ORDERS[question.order]) if columns else polars_schema()))


def _sorting(question: Question) -> tuple[tuple[str, ...], list[bool]]:
    """What an answer is sorted by, and which of that downwards."""
    by = ORDERS[question.order]
    return by, [question.order == "newest", *[False] * (len(by) - 1)]


ORDERS: dict[str, tuple[str, ...]] = {
    "newest": ("time_source", "raw_file", "raw_row"),
    "oldest": ("time_source", "raw_file", "raw_row"),
    "address": ("source_ip_key", "source_ip", "source_port", "time_source", "raw_file", "raw_row"),
}
"""What each order of `Question` sorts by: the first column of "newest" downwards, everything else upwards, null last."""


def _by_time(root: Path, files: pl.DataFrame, question: Question, wanted: list[str]) -> pl.DataFrame:
    """Day after day, more days at a time the longer nothing is found, until the page is full."""
    by, descending = _sorting(question)
    days = files["day"].unique().sort(descending=descending[0]).to_list()
    needed, step, found = question.offset + question.limit, 1, list[pl.DataFrame]()
    while days and needed > 0:
        now, days, step = days[:step], days[step:], step * 4
        some = answers(root, files.filter(pl.col("day").is_in(now)), question).select(wanted)
        part = some.sort(*by, descending=descending).head(needed).collect()
        needed -= part.height
        found.append(part)
    if not found:
        return scan(root, []).select(wanted).collect()
    return pl.concat(found).slice(question.offset, question.limit)


def batches(root: Path, files: pl.DataFrame, question: Question) -> Iterator[pl.DataFrame]:
    """All answers, newest day first, in batches of at most PIECE_ROWS, each in order."""
    chosen = candidates(files, question)
    condition = question.condition()
    for paths in pieces(chosen):
        for found in _bounded(root, paths, condition):
            if found.height:
                yield found.sort("time_source", "raw_file", "raw_row", descending=[True, False, False])


def _bounded(root: Path, paths: list[str], condition: pl.Expr) -> Iterator[pl.DataFrame]:
    """The answers in a piece: at once where they are few, else part by part of its only file."""
    if (few := _few(scan(root, paths, condition))) is not None:
        yield few
        return
    # A file of a large state's day has millions of rows, which a small machine cannot hold. Parts are read by their place
    # in the file: the streaming engine's own batches come as fast as they can, and pile up while a client is slow.
    height = scan(root, paths).select(pl.len()).collect().item()
    for start in range(0, height, PART_ROWS):
        yield scan(root, paths, condition, part=(start, PART_ROWS)).collect()


def _few(found: pl.LazyFrame) -> pl.DataFrame | None:
    """All answers, or None where they are more than PIECE_ROWS."""
    some = found.head(PIECE_ROWS + 1).collect()
    return some if some.height <= PIECE_ROWS else None


PART_ROWS = 2 * layout.ROW_GROUP
PIECE_ROWS, PIECE_FILES = 50_000, 256
"""Small files are read together, because opening one costs as much as reading thousands of its rows; not more of them
than fit into memory and than a process may have open."""


def pieces(files: pl.DataFrame) -> Iterator[list[str]]:
    """The paths of a manifest, in its order, in lists of files to read together."""
    piece: list[str] = []
    rows = 0
    for path, height in files.select("path", pl.col("rows").fill_null(PIECE_ROWS)).iter_rows():
        if piece and (rows + height > PIECE_ROWS or len(piece) == PIECE_FILES):
            yield piece
            piece, rows = [], 0
        piece.append(path)
        rows += height
    if piece:
        yield piece
