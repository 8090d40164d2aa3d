"""From a kept file to batches of mapped rows: which feed it is of, and what was wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from atalaya.apps.events.models import Ingest
from atalaya.core import feeds, formats, limits
from atalaya.core.errors import BadInput
from atalaya.core.feeds import Feed, Mapped
from atalaya.core.formats import csv


def feed_of(code: str, name: str, path: Path) -> Feed:
    """The feed with this code, or, without a code, the one that the file's name or header tells.

    Raises BadInput with advice when there is none, or when the file cannot be opened.
    """
    catalogue = feeds.catalogue()
    if code:
        try:
            return catalogue.get(code)
        except KeyError as error:
            raise BadInput(f"There is no feed {code}.", advice="The page Feeds lists every feed.") from error
    found = catalogue.find(_plain_name(name), None) or _by_member(name, path)
    if found is None:
        raise BadInput(
            "No known feed has this file name or these columns.",
            advice="Choose the feed and send the file again, or write a feed declaration.",
        )
    return found


def _by_member(name: str, path: Path) -> Feed | None:
    """The feed told by the first file within, by its name or its header."""
    for member, stream in formats.open_feed(path):
        told = member if path.name not in (member, f"{member}.gz") else _plain_name(name)
        line = stream.readline(limits.LINE_BYTES)
        if line.lstrip().startswith((b"{", b"[")):
            return feeds.catalogue().find(told, None)
        return feeds.catalogue().find(told, csv.header(line.rstrip(b"\r\n")))
    return None


def _plain_name(name: str) -> str:
    return name.removesuffix(".gz").removesuffix(".zip")


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
