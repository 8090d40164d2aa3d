"""From mapped rows to stored events: identity, duplicates, owners, and one commit for each feed file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count
from typing import TYPE_CHECKING, Protocol

import polars as pl

from atalaya.core.engine import LOCAL, Engine
from atalaya.core.pipeline import identity, same
from atalaya.core.pipeline.address import Addresses, no_addresses, parse
from atalaya.core.pipeline.attribute import Networks, attribute
from atalaya.core.pipeline.dedupe import Seen
from atalaya.core.pipeline.rejects import Rejects
from atalaya.core.pipeline.result import Result
from atalaya.core.pipeline.same import Events, Same
from atalaya.core.pipeline.times import believable
from atalaya.core.store.draft import Part, Place, write

if TYPE_CHECKING:
    from atalaya.core.store import EventTable
    from atalaya.core.store.draft import Draft

CHUNK_ROWS = 250_000
"""Rows that are made events and written at once: larger chunks sort better, smaller ones need less memory."""


class Mapped(Protocol):
    """Some rows of a feed file, with columns of the schema, and those that were rejected (`core.feeds.Mapped`)."""

    @property
    def events(self) -> pl.DataFrame: ...

    @property
    def rejects(self) -> pl.DataFrame: ...

    @property
    def rows_read(self) -> int: ...


def run(
    mapped: Iterable[Mapped],
    *,
    store: EventTable,
    sha256: str,
    state: str,
    networks: Networks,
    observed_at: datetime,
    engine: Engine = LOCAL,
) -> Result:
    """Store the events of one feed file, all or none, and say what came of its rows.

    `state` received the file with this hash at `observed_at` (UTC). The same file for the same state is stored once:
    a second call reads nothing and returns the recorded counts with `committed` False. May be killed at any moment
    and called again. Duplicates are found and the file is committed here, owners are looked up and events written where
    `engine` has room. Raises Temporary when too many other processes write at the same time.
    """
    recorded = store.committed(state, sha256)
    if recorded is not None:
        return Result.recorded(recorded)
    with store.draft(state, sha256) as draft:
        return draft.commit(drafted(draft, mapped, networks, observed_at, engine))


def drafted(
    draft: Draft, mapped: Iterable[Mapped], networks: Networks, observed_at: datetime, engine: Engine = LOCAL
) -> Result:
    """Put the events of one feed file into its draft; returns the counts that `Draft.commit` is given."""
    made = _Run(draft, observed_at)
    chunks = made.fresh(_chunks(made.checked(mapped)))
    for parts in engine.map(finished, chunks, Known(draft.place, networks, observed_at)):
        draft.take(parts)
    return made.result()


@dataclass(frozen=True)
class Known:
    """What is the same for all chunks of a feed file."""

    place: Place
    networks: Networks
    observed_at: datetime


@dataclass(frozen=True)
class Chunk:
    """Some new events of a feed file, sorted by address, with their addresses and the chunk's number."""

    number: int
    events: Events
    addresses: Addresses


def finished(chunk: Chunk, known: Known) -> list[Part]:
    """Give events their finding and their owners and write them: a stage that any process can do, and do again."""
    rows = chunk.events.rows.with_columns(
        chunk.addresses.keys(),
        identity.finding_keys(chunk.events.rows, chunk.events.same, addresses=chunk.addresses),
        time_observation=pl.lit(known.observed_at, pl.Datetime("us", "UTC")),
    )
    owned = attribute(rows, known.networks, addresses=chunk.addresses)
    return write(known.place, chunk.number, Events(owned, chunk.events.same))


def _chunks(batches: Iterable[pl.DataFrame]) -> Iterator[Events]:
    """The same rows in chunks of at least CHUNK_ROWS, but for the last."""
    waiting: list[Events] = []
    for batch in batches:
        waiting.append(same.split(batch))
        if sum(events.rows.height for events in waiting) >= CHUNK_ROWS:
            yield same.joined(waiting)
            waiting = []
    if waiting:
        yield same.joined(waiting)


class _Run:
    """One feed file on its way, and what has come of its rows so far."""

    def __init__(self, draft: Draft, observed_at: datetime) -> None:
        self._draft, self._observed_at = draft, observed_at
        self._seen: Seen[tuple[date, str]] = Seen(draft.seen)
        self.rejects = Rejects()
        self.rows_read = self.kept = self.doubled = 0
        self._first: datetime | None = None
        self._last: datetime | None = None

    def checked(self, mapped: Iterable[Mapped]) -> Iterator[pl.DataFrame]:
        """The events of each batch that can be true; all others are counted."""
        for batch in mapped:
            events, rejects = believable(batch.events, batch.rejects, self._observed_at)
            self.rows_read += batch.rows_read
            self.rejects.add(rejects)
            if events.height:
                yield events

    def fresh(self, chunks: Iterable[Events]) -> Iterator[Chunk]:
        """The new ones among the events of each chunk, sorted by address."""
        # Not in a loop: its variables would keep a chunk in memory while the next one is made.
        return filter(None, map(self._fresh, count(), chunks))

    def _fresh(self, number: int, events: Events) -> Chunk | None:
        rows = events.rows.with_columns(day=pl.col("time_source").dt.date())
        alike = {**events.same, "state": self._draft.state, "raw_file": self._draft.sha256}
        addresses = parse(rows["source_ip"]) if "source_ip" in rows.columns else no_addresses(rows.height)
        keys = identity.event_keys(rows, alike)
        fresh = self._seen.fresh(keys.to_numpy(), self._groups(rows, alike))
        wanted = addresses.order(fresh)
        self.kept += len(wanted)
        self.doubled += rows.height - len(wanted)
        if not len(wanted):
            return None
        found = rows.with_columns(keys)[wanted]
        first, last = found.select(pl.col("time_source").min(), last=pl.col("time_source").max()).row(0)
        self._first, self._last = min(self._first or first, first), max(self._last or last, last)
        return Chunk(number, Events(found, alike), addresses.take(wanted))

    @staticmethod
    def _groups(rows: pl.DataFrame, alike: Same) -> list[tuple[date, str]]:
        """Days and feeds of some events."""
        if "feed_code" in alike:
            return [(day, alike["feed_code"]) for day in rows["day"].unique()]
        return rows.select("day", "feed_code").unique().rows()

    def result(self) -> Result:
        """The counts as they are when all rows were added."""
        return Result(
            rows_read=self.rows_read,
            kept=self.kept,
            doubled=self.doubled,
            rejected=self.rejects.total,
            first_event_at=self._first,
            last_event_at=self._last,
            committed=True,
            rejects=self.rejects.table(),
        )
