"""From a kept file to batches of mapped rows: which feed it is of, and what was wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import polars as pl

from atalaya.apps.events import own_feeds
from atalaya.apps.events.models import Ingest
from atalaya.core import feeds, limits
from atalaya.core.engine import LOCAL, Engine
from atalaya.core.errors import BadInput
from atalaya.core.feeds import Feed, Mapped
from atalaya.core.feeds.reading import batches
from atalaya.core.formats import open_feed
from atalaya.core.formats.batch import ROW
from atalaya.core.pipeline.rejects import Rejects
from atalaya.core.pipeline.times import believable

LOOKED_THROUGH = 256 * limits.MIB
"""How far into a file we look for one original row."""


def feed_of(code: str, name: str, path: Path, *, state: str) -> Feed:
    """The feed with this code, or, without a code, the one that the file's name or columns tell.

    Raises BadInput with advice when there is none, or when the file cannot be opened.
    """
    if code:
        return known_feed(code, state)
    found = feeds.recognise(path, name=name, feeds=own_feeds.known([state]))
    if found is None:
        raise BadInput(
            "No known feed has this file name or these columns.",
            advice="Choose the feed and process the file again, or write a feed declaration.",
        )
    return found


def known_feed(code: str, state: str) -> Feed:
    """The feed with this code, of the product or of the state itself. Raises BadInput when there is none."""
    try:
        return own_feeds.known([state]).get(code)
    except KeyError as error:
        raise BadInput(f"There is no feed {code}.", advice="The page Feeds lists every feed.") from error


class NothingRead(BadInput):
    """A file of which no row became an event: `rejects` and `rows_read` say what there was."""

    def __init__(self, what: str, *, advice: str, rejects: Rejects, rows_read: int) -> None:
        super().__init__(what, advice=advice)
        self.rejects = rejects
        self.rows_read = rows_read


class Reading:
    """The batches of one file, up to the first thing that makes reading on impossible.

    `problem` is None until then; the rows before it are good and are kept. Iteration ends with NothingRead when there
    is no good row at all, so that nothing is stored and the file can be tried again as another feed.
    """

    def __init__(self, ingest: Ingest, path: Path, feed: Feed, engine: Engine = LOCAL) -> None:
        known = own_feeds.known([ingest.state_id])
        self._batches = feeds.read(path, feed, name=ingest.name, feeds=known, engine=engine)
        self._rejects = Rejects()
        self._rows_read = 0
        self.problem: BadInput | None = None

    def __iter__(self) -> Iterator[Mapped]:
        good = False
        for batch in self._until_problem():
            good = good or batch.events.height > 0
            if not good:
                self._rows_read += batch.rows_read
                self._rejects.add(batch.rejects)
            yield batch
        if not good:
            raise self._nothing_read()

    def _until_problem(self) -> Iterator[Mapped]:
        try:
            yield from self._batches
        except BadInput as error:
            self.problem = error

    def _nothing_read(self) -> NothingRead:
        what, advice = "The file has no rows.", "Send it again if it should have some."
        if self._rows_read:
            what, advice = (
                "Every row was rejected.",
                "Is this the right feed? Choose another one and process it again.",
            )
        if self.problem is not None:
            what, advice = self.problem.what, self.problem.advice
        return NothingRead(what, advice=advice, rejects=self._rejects, rows_read=self._rows_read)


def rejects_of(ingest: Ingest, path: Path, feed: Feed) -> tuple[pl.DataFrame, BadInput | None]:
    """Rejected rows and problem of a file that was stored by a process which died before it wrote them down.

    The table is that of `core.pipeline.result.REJECTS`, bounded as the pipeline's own.
    """
    reading = Reading(ingest, path, feed)
    rejects = Rejects()
    with suppress(NothingRead):
        for batch in reading:
            rejects.add(believable(batch.events, batch.rejects, ingest.received_at)[1])
    return rejects.table(), reading.problem


def original_row(path: Path, feed: Feed, row: int) -> dict[str, str] | None:
    """Column -> text of one row as it came, without empty ones; None when it lies beyond `LOOKED_THROUGH`."""
    first, read = 1, 0
    for _, stream in open_feed(path):
        for batch in batches(stream, feed, first_row=first):
            found = batch.rows.filter(pl.col(ROW) == row)
            if found.height:
                return {
                    name: str(value)
                    for name, value in found.row(0, named=True).items()
                    if value and name != ROW
                }
            first += batch.rows.height + batch.rejects.height
            read += int(batch.rows.estimated_size())
            if first > row or read > LOOKED_THROUGH:
                return None
    return None
