"""Reading the event table: only the days, files, row groups and columns that can hold an answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from atalaya.core.errors import BadInput
from atalaya.core.schema.columns import BY_NAME, polars_schema
from atalaya.core.store import layout
from atalaya.core.store.question import Question

_STEPS = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400, 7 * 86_400, 28 * 86_400)
"""Widths of a histogram's bucket, in seconds, from the narrowest."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Answer:
    """One page of events and how many there are in all."""

    rows: pl.DataFrame
    count: int


def scan(root: Path, paths: Iterable[str]) -> pl.LazyFrame:
    """All columns of the schema, from files of the table. An empty list of files is an empty table."""
    files = [root / path for path in paths]
    if not files:
        return pl.LazyFrame(schema=polars_schema())
    return (
        pl.scan_parquet(
            files,
            schema=layout.FILE_SCHEMA,
            missing_columns="insert",
            cast_options=pl.ScanCastOptions(categorical_to_string="allow"),
            hive_partitioning=False,
            glob=False,
        )
        .with_columns(day=pl.col("time_source").dt.date())
        .select(polars_schema().keys())
    )


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


def _answers(root: Path, files: pl.DataFrame, question: Question) -> pl.LazyFrame:
    return scan(root, candidates(files, question)["path"]).filter(question.condition())


def rows(root: Path, files: pl.DataFrame, question: Question) -> pl.DataFrame:
    """One page of events, all columns."""
    if question.order == "address":
        found = _answers(root, files, question).sort(*_ORDER["address"], nulls_last=True)
        return found.slice(question.offset, question.limit).collect()
    return _by_time(root, candidates(files, question), question)


_ORDER = {
    "newest": ("time_source", "raw_file", "raw_row"),
    "oldest": ("time_source", "raw_file", "raw_row"),
    "address": ("source_ip_key", "source_ip", "source_port", "time_source", "raw_file", "raw_row"),
}


def _by_time(root: Path, files: pl.DataFrame, question: Question) -> pl.DataFrame:
    """Day after day, more days at a time the longer nothing is found, until the page is full."""
    newest = question.order == "newest"
    days = files["day"].unique().sort(descending=newest).to_list()
    needed, found, step = question.offset + question.limit, [scan(root, []).collect()], 1
    while days and needed > 0:
        now, days, step = days[:step], days[step:], step * 4
        paths = files.filter(pl.col("day").is_in(now))["path"]
        some = scan(root, paths).filter(question.condition())
        part = some.sort(*_ORDER["newest"], descending=[newest, False, False]).head(needed).collect()
        needed -= part.height
        found.append(part)
    return pl.concat(found).slice(question.offset, question.limit)


def count(root: Path, files: pl.DataFrame, question: Question) -> int:
    """How many events answer the question."""
    return int(_answers(root, files, question).select(pl.len()).collect(engine="streaming").item())


def histogram(root: Path, files: pl.DataFrame, question: Question, buckets: int) -> pl.DataFrame:
    """Columns time, type, count."""
    chosen = candidates(files, question)
    seconds = _bucket(chosen, question, buckets)
    ticks = (pl.col("time_source") - pl.lit(_EPOCH)).dt.total_seconds() // seconds
    return (
        scan(root, chosen["path"])
        .filter(question.condition())
        .group_by(tick=ticks, type=pl.col("classification_type"))
        .agg(count=pl.len().cast(pl.Int64))
        .select(
            time=(pl.col("tick") * seconds * 1_000_000).cast(pl.Datetime("us", "UTC")),
            type="type",
            count="count",
        )
        .sort("time", "type")
        .collect(engine="streaming")
    )


def _bucket(files: pl.DataFrame, question: Question, buckets: int) -> int:
    """Seconds of a bucket for the question's span, or that of the files where the question leaves it open."""
    if files.is_empty():
        return _STEPS[-1]
    days = files["day"]
    since = question.since or datetime.combine(days.min(), datetime.min.time(), UTC)  # type: ignore[arg-type]
    until = question.until or datetime.combine(days.max(), datetime.min.time(), UTC) + timedelta(days=1)  # type: ignore[arg-type]
    span = (until - since).total_seconds()
    return next((step for step in _STEPS if span / step <= buckets), _STEPS[-1])


def top(root: Path, files: pl.DataFrame, question: Question, column: str, n: int) -> pl.DataFrame:
    """Columns value and count. Raises BadInput for an unknown column."""
    if column not in BY_NAME:
        raise BadInput(f"There is no column {column}.")
    found = _answers(root, files, question).select(value=pl.col(column))
    if column == "owners":
        found = found.explode("value")
    counted = found.drop_nulls().group_by("value").agg(count=pl.len().cast(pl.Int64))
    return counted.sort("count", "value", descending=[True, False]).head(n).collect(engine="streaming")


def batches(root: Path, files: pl.DataFrame, question: Question) -> Iterator[pl.DataFrame]:
    """All answers, newest day first, each piece out of files of about PIECE_ROWS rows, or out of one larger file."""
    chosen = candidates(files, question)
    condition = question.condition()
    for paths in pieces(chosen):
        found = scan(root, paths).filter(condition).collect()
        if found.height:
            yield found.sort("time_source", "raw_file", "raw_row", descending=[True, False, False])


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
