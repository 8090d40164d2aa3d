"""From mapped rows to stored events: identity, duplicates, owners, and one commit for each feed file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import count
from typing import TYPE_CHECKING, Protocol

import polars as pl

from atalaya.core.engine import LOCAL, Engine
from atalaya.core.enrich.filling import NONE as NO_REFERENCES
from atalaya.core.enrich.filling import References
from atalaya.core.pipeline import identity, same
from atalaya.core.pipeline.address import Addresses, no_addresses, parse
from atalaya.core.pipeline.attribute import Networks, attribute
from atalaya.core.pipeline.dedupe import Seen
from atalaya.core.pipeline.rejects import Rejects
from atalaya.core.pipeline.result import Result
from atalaya.core.pipeline.rules import NONE as NO_RULES
from atalaya.core.pipeline.rules import Rules
from atalaya.core.pipeline.same import Events, Same
from atalaya.core.pipeline.times import believable
from atalaya.core.store.draft import Part, Place, write
from atalaya.core.store.findings import Sightings

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
    rules: Rules = NO_RULES,
    references: References = NO_REFERENCES,
    engine: Engine = LOCAL,
) -> Result:
    """Store the events of one feed file, all or none, and say what came of its rows.

    `state` received the file with this hash at `observed_at` (UTC). The same file for the same state is stored once:
    a second call reads nothing and returns the recorded counts with `committed` False. May be killed at any moment
    and called again. `references` fill what the feed left empty, then `rules` decide on each new event. Duplicates are found
    and the file is committed here, everything else is done where `engine` has room. Raises Temporary when too many other
    processes write at the same time.
    """
    recorded = store.committed(state, sha256)
    if recorded is not None:
        return Result.recorded(recorded)
    with store.draft(state, sha256) as draft:
        known = Known(draft.place, networks, observed_at, rules.on(observed_at.date()), references)
        return draft.commit(drafted(draft, mapped, known, engine))


@dataclass(frozen=True)
class Known:
    """What is the same for all chunks of a feed file."""

    place: Place
    networks: Networks
    observed_at: datetime
    rules: Rules = NO_RULES
    references: References = NO_REFERENCES


@dataclass(frozen=True)
class Chunk:
    """Some new events of a feed file, sorted by address, with their addresses and the chunk's number."""

    number: int
    events: Events
    addresses: Addresses


@dataclass(frozen=True)
class Finished:
    """What came of a chunk: the files written, from when to when their events are, what they say about findings, and the
    rows that rules dropped (row, field, reason, raw) or touched (rule -> events)."""

    parts: list[Part] = field(default_factory=list)
    span: tuple[datetime, datetime] | None = None
    sightings: Sightings = field(default_factory=Sightings)
    dropped: pl.DataFrame | None = None
    touched: Mapping[str, int] = field(default_factory=dict)


def drafted(draft: Draft, mapped: Iterable[Mapped], known: Known, engine: Engine = LOCAL) -> Result:
    """Put the events of one feed file into its draft; returns the counts that `Draft.commit` is given."""
    made = _Run(draft, known.observed_at)
    chunks = made.fresh(_chunks(made.checked(mapped)))
    for done in engine.map(finished, chunks, known):
        made.take(done)
        draft.take(done.parts, done.sightings)
    return made.result()


def finished(chunk: Chunk, known: Known) -> Finished:
    """Fill events, give them owners, let rules decide, and write them: a stage that any process can do, and do again."""
    observed = pl.lit(known.observed_at, pl.Datetime("us", "UTC"))
    rows = chunk.events.rows.with_columns(chunk.addresses.keys(), time_observation=observed)
    rows = known.references.fill(Events(rows, chunk.events.same), chunk.addresses)
    owned = Events(attribute(rows, known.networks, addresses=chunk.addresses), chunk.events.same)
    if not known.rules:
        return _written(owned, chunk.addresses, chunk.number, known.place)
    ruled = known.rules.apply(owned)
    addresses = chunk.addresses if ruled.rows is None else chunk.addresses.take(ruled.rows)
    done = _written(ruled.events, addresses, chunk.number, known.place)
    return replace(done, touched=ruled.touched, dropped=None if ruled.rows is None else ruled.dropped)


def _written(events: Events, addresses: Addresses, number: int, place: Place) -> Finished:
    """The events with their finding, on disk."""
    if events.rows.is_empty():
        return Finished()
    rows = events.rows.with_columns(identity.finding_keys(events.rows, events.same, addresses=addresses))
    span = rows.select(pl.col("time_source").min(), last=pl.col("time_source").max()).row(0)
    sightings = Sightings()
    sightings.add(rows, events.same)
    return Finished(write(place, number, Events(rows, events.same)), span, sightings)


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
        self._seen: Seen[tuple[date, str]] = Seen(draft.seen, draft.place.root)
        self.rejects = Rejects()
        self.rows_read = self.kept = self.doubled = 0
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._touched: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()

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
        return Chunk(number, Events(rows.with_columns(keys)[wanted], alike), addresses.take(wanted))

    def take(self, done: Finished) -> None:
        """Count what came of a chunk."""
        self._touched.update(done.touched)
        if done.span:
            first, last = done.span
            self._first, self._last = min(self._first or first, first), max(self._last or last, last)
        if done.dropped is not None:
            self.rejects.add(done.dropped)
            self.kept -= done.dropped.height
            self._dropped.update(dict(done.dropped["reason"].value_counts().rows()))

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
            touched=self._touched,
            dropped=self._dropped,
        )
