"""Events on their way into the table: files that nobody sees until one commit names them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from deltalake import DeltaTable
from deltalake.transaction import AddAction

from atalaya.core.errors import Temporary
from atalaya.core.pipeline.dedupe import Keys, contains
from atalaya.core.pipeline.result import Result
from atalaya.core.pipeline.same import Events, split
from atalaya.core.store import layout, reading
from atalaya.core.store.findings import Sightings

if TYPE_CHECKING:
    from atalaya.core.store.table import EventTable

_ATTEMPTS = 100
"""Times that a commit is tried when other processes commit at the same time."""
MOST_SIGHTINGS = 2_000_000
"""Sightings that are remembered while a file is written; of a file with more they are read back from the table."""


@dataclass(frozen=True)
class Place:
    """The table's folder, and the `layout.mark` of a feed file."""

    root: Path
    mark: str


@dataclass(frozen=True)
class Part:
    """One file of a draft, and what another file must share with it to hold the same events."""

    action: AddAction
    number: int
    day: date
    feeds: list[str]
    rows: int


class Draft:
    """The events of one feed file. Use `EventTable.draft`."""

    def __init__(self, table: EventTable, state: str, sha256: str) -> None:
        self._table, self._root = table, table.path
        self.state, self.sha256 = state, sha256
        self._compared = set(table.manifest()["path"])
        self._parts: list[Part] = []
        self._sightings: Sightings | None = Sightings()

    def seen(self, groups: set[tuple[date, str]]) -> Keys:
        """Keys of the events that the table holds of some days and feeds."""
        days, feeds = {day for day, _ in groups}, {feed for _, feed in groups}
        return self._table.keys(days, state=self.state, feed_codes=feeds)

    @property
    def place(self) -> Place:
        """Where `write` puts the events of this feed file."""
        return Place(self._root, layout.mark(self.state, self.sha256))

    def take(self, parts: Iterable[Part], sightings: Sightings) -> None:
        """Files that `write` wrote, which become visible with the commit, and what their events say about findings."""
        self._parts += parts
        if self._sightings is not None:
            self._sightings.join(sightings)
            if len(self._sightings) > MOST_SIGHTINGS:
                self._sightings = None

    def commit(self, result: Result) -> Result:
        """Make all events visible at once and record the counts; returns them as they are recorded.

        They differ from `result` when other processes have committed the same events, or the same file, since the
        draft began. Raises Temporary when too many others commit at the same time.
        """
        name = layout.transaction(self.state, self.sha256)
        for _ in range(_ATTEMPTS):
            table = self._table.own()
            if table.transaction_version(name) is not None:
                return Result.recorded(self._table.committed(self.state, self.sha256) or {})
            doubled = self._drop_doubled(table)
            if doubled:
                self._sightings = None
            result = replace(result, kept=result.kept - doubled, doubled=result.doubled + doubled)
            told = {layout.COUNTS: {"file": name, **result.counts()}}
            if layout.commit(table, [part.action for part in self._parts], metadata=told, application=name):
                self._parts = []
                sightings = None if self._sightings is None else self._sightings.table()
                return replace(result, sightings=sightings)
        raise Temporary("The event table is too busy: the file could not be committed.")

    def discard(self) -> None:
        """Delete what is not committed."""
        if not self._parts:
            return
        # A commit can be in the log although it was reported as failed: only the log knows.
        committed = set(layout.manifest(layout.open_table(self._root))["path"])
        for part in self._parts:
            if part.action.path not in committed:
                (self._root / part.action.path).unlink(missing_ok=True)
        self._parts = []

    def _drop_doubled(self, table: DeltaTable) -> int:
        """Remove the events that others have committed since the draft began; returns how many."""
        files = layout.manifest(table)
        new = files.filter(~pl.col("path").is_in(list(self._compared)))
        self._compared = set(files["path"])
        if new.is_empty():
            return 0
        before = sum(part.rows for part in self._parts)
        compared = [self._compared_with(new, part) for part in self._parts]
        self._parts = [part for part in compared if part is not None]
        return before - sum(part.rows for part in self._parts)

    def _compared_with(self, new: pl.DataFrame, part: Part) -> Part | None:
        """The part without the events that new files have; None when nothing is left of it."""
        rivals = new.filter(
            pl.col("day") == part.day,
            layout.may_hold("state", [self.state]),
            layout.may_hold("feed_code", part.feeds),
        )
        if rivals.is_empty():
            return part
        events = reading.scan(self._root, [part.action.path]).collect()
        seen = np.sort(self._table.keys_in(rivals["path"]))
        kept = events.filter(~pl.Series(contains(seen, events["key"].to_numpy())))
        if kept.height == events.height:
            return part
        (self._root / part.action.path).unlink()
        return None if kept.is_empty() else _written(self.place, part.number, part.day, split(kept))


def write(place: Place, number: int, events: Events) -> list[Part]:
    """Write a chunk of events, sorted by source_ip_key and not doubled, to disk: one file for each day.

    Nobody sees them before `Draft.commit`: a process may write the same chunk again when another died over it.
    """
    return [_written(place, number, day, Events(part, events.same)) for day, part in _by_day(events.rows)]


def _written(place: Place, number: int, day: date, events: Events) -> Part:
    path = layout.part_path(day, place.mark, number)
    told = events.carrying(["feed_code"]) if "feed_code" in events.same else events.rows
    feeds = told["feed_code"].unique().to_list()
    return Part(layout.write_part(place.root, path, events), number, day, feeds, events.rows.height)


def _by_day(events: pl.DataFrame) -> Iterator[tuple[date, pl.DataFrame]]:
    if events["day"].min() == events["day"].max():
        yield events["day"][0], events
        return
    for part in events.partition_by("day", maintain_order=True):
        yield part["day"][0], part
