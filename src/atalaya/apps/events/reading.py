"""From a kept file to batches of mapped rows: which feed it is of, and what was wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from atalaya.apps.events.models import Ingest
from atalaya.core import feeds, limits
from atalaya.core.errors import BadInput
from atalaya.core.feeds import Feed, Mapped
from atalaya.core.feeds.reading import batches
from atalaya.core.formats import open_feed
from atalaya.core.formats.batch import ROW

LOOKED_THROUGH = 256 * limits.MIB
"""How far into a file we look for one original row."""


def feed_of(code: str, name: str, path: Path) -> Feed:
    """The feed with this code, or, without a code, the one that the file's name or columns tell.

    Raises BadInput with advice when there is none, or when the file cannot be opened.
    """
    if code:
        return known_feed(code)
    found = feeds.recognise(path, name=name)
    if found is None:
        raise BadInput(
            "No known feed has this file name or these columns.",
            advice="Choose the feed and process the file again, or write a feed declaration.",
        )
    return found


def known_feed(code: str) -> Feed:
    """The feed with this code. Raises BadInput when there is none."""
    try:
        return feeds.catalogue().get(code)
    except KeyError as error:
        raise BadInput(f"There is no feed {code}.", advice="The page Feeds lists every feed.") from error


class Reading:
    """The batches of one file, up to the first thing that makes reading on impossible.

    `problem` is None until then; the rows before it are good and are kept.
    """

    def __init__(self, ingest: Ingest, path: Path, feed: Feed) -> None:
        self._batches = feeds.read(path, feed, name=ingest.name)
        self.problem: BadInput | None = None

    def __iter__(self) -> Iterator[Mapped]:
        try:
            yield from self._batches
        except BadInput as error:
            self.problem = error


def rejects_of(ingest: Ingest, path: Path, feed: Feed) -> tuple[pl.DataFrame, BadInput | None]:
    """Rejected rows and problem of a file that was stored by a process which died before it wrote them down.

    A table with row, field, reason, raw and count, bounded as the pipeline's own.
    """
    reading = Reading(ingest, path, feed)
    kept: list[pl.DataFrame] = []
    rest: list[pl.DataFrame] = []
    room = limits.REJECTS_KEPT
    for batch in reading:
        kept.append(batch.rejects.head(room).with_columns(count=pl.lit(1, pl.Int64)))
        rest.append(batch.rejects.slice(room).group_by("field", "reason").agg(count=pl.len().cast(pl.Int64)))
        room = max(0, room - batch.rejects.height)
    if not kept:
        return pl.DataFrame(), reading.problem
    summed = pl.concat(rest).group_by("field", "reason").agg(pl.col("count").sum()).sort("field", "reason")
    return pl.concat([*kept, summed], how="diagonal"), reading.problem


def original_row(path: Path, feed: Feed, row: int) -> dict[str, str] | None:
    """Column -> text of one row as it came, without empty ones; None when it lies beyond `LOOKED_THROUGH`."""
    first, read = 1, 0
    for _, stream in open_feed(path):
        for batch in batches(stream, feed, first_row=first):
            found = batch.rows.filter(pl.col(ROW) == row)
            if found.height:
                return {name: str(value) for name, value in found.row(0, named=True).items() if value and name != ROW}
            first += batch.rows.height + batch.rejects.height
            read += int(batch.rows.estimated_size())
            if first > row or read > LOOKED_THROUGH:
                return None
    return None
