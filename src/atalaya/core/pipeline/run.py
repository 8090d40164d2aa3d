"""From mapped rows to stored events: identity, duplicates, owners, and one commit for each feed file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

import polars as pl

from atalaya.core.enrich.filling import NONE as NO_REFERENCES
from atalaya.core.enrich.filling import References
from atalaya.core.pipeline import identity, same
from atalaya.core.pipeline.address import Addresses, no_addresses, parse
from atalaya.core.pipeline.attribute import Networks, attribute
from atalaya.core.pipeline.dedupe import Seen
from atalaya.core.pipeline.rejects import Rejects
from atalaya.core.pipeline.result import Result
from atalaya.core.pipeline.rules import NONE as NO_RULES
from atalaya.core.pipeline.rules import Rules, Ruling
from atalaya.core.pipeline.same import Events, Same
from atalaya.core.pipeline.times import believable

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
) -> Result:
    """Store the events of one feed file, all or none, and say what came of its rows.

    `state` received the file with this hash at `observed_at` (UTC). The same file for the same state is stored once:
    a second call reads nothing and returns the recorded counts with `committed` False. May be killed at any moment
    and called again. `references` fill what the feed left empty, then `rules` decide on each new event. Raises Temporary when
    too many other processes write at the same time.
    """
    recorded = store.committed(state, sha256)
    if recorded is not None:
        return Result.recorded(recorded)
    with store.draft(state, sha256) as draft:
        made = _Run(draft, networks, observed_at, rules.on(observed_at.date()), references)
        for events in _chunks(made.checked(mapped)):
            made.add(events)
        return draft.commit(made.result())


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

    def __init__(
        self,
        draft: Draft,
        networks: Networks,
        observed_at: datetime,
        rules: Rules = NO_RULES,
        references: References = NO_REFERENCES,
    ) -> None:
        self._draft, self._networks, self._observed_at = draft, networks, observed_at
        self._rules = Ruling(rules)
        self._references = references
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

    def add(self, events: Events) -> None:
        """Find the new ones among some events and write them, sorted by address."""
        rows = events.rows.with_columns(day=pl.col("time_source").dt.date())
        alike = {**events.same, "state": self._draft.state, "raw_file": self._draft.sha256}
        addresses = parse(rows["source_ip"]) if "source_ip" in rows.columns else no_addresses(rows.height)
        keys = identity.event_keys(rows, alike)
        fresh = self._seen.fresh(keys.to_numpy(), self._groups(rows, alike))
        wanted = addresses.order(fresh)
        self.kept += len(wanted)
        self.doubled += rows.height - len(wanted)
        if len(wanted):
            self._write(Events(rows.with_columns(keys)[wanted], alike), addresses.take(wanted))

    @staticmethod
    def _groups(rows: pl.DataFrame, alike: Same) -> list[tuple[date, str]]:
        """Days and feeds of some events."""
        if "feed_code" in alike:
            return [(day, alike["feed_code"]) for day in rows["day"].unique()]
        return rows.select("day", "feed_code").unique().rows()

    def _write(self, events: Events, addresses: Addresses) -> None:
        observed = pl.lit(self._observed_at, pl.Datetime("us", "UTC"))
        rows = events.rows.with_columns(addresses.keys(), time_observation=observed)
        rows = self._references.fill(Events(rows, events.same), addresses)
        events = Events(attribute(rows, self._networks, addresses=addresses), events.same)
        events, addresses = self._rules(events, addresses, self.rejects)
        if events.rows.is_empty():
            return
        rows = events.rows.with_columns(identity.finding_keys(events.rows, events.same, addresses=addresses))
        first, last = rows.select(pl.col("time_source").min(), last=pl.col("time_source").max()).row(0)
        self._first, self._last = min(self._first or first, first), max(self._last or last, last)
        self._draft.add(Events(rows, events.same))

    def result(self) -> Result:
        """The counts as they are when all rows were added."""
        return Result(
            rows_read=self.rows_read,
            kept=self.kept - self._rules.dropped.total(),
            doubled=self.doubled,
            rejected=self.rejects.total,
            first_event_at=self._first,
            last_event_at=self._last,
            committed=True,
            rejects=self.rejects.table(),
            touched=self._rules.touched,
            dropped=self._rules.dropped,
        )
