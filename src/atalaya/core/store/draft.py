"""Events on their way into the table: files that nobody sees until one commit names them all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction

from atalaya.core.errors import Temporary
from atalaya.core.pipeline.dedupe import Keys, contains
from atalaya.core.pipeline.result import Result
from atalaya.core.store import layout, reading

if TYPE_CHECKING:
    from atalaya.core.store.table import EventTable

_ATTEMPTS = 100
"""Times that a commit is tried when other processes commit at the same time."""


Extent = tuple[date, list[str], list[str]]
"""What another file must share with a part to hold the same events: its day, one of its states, one of its feeds."""


class Draft:
    """The events of one feed file. Use `EventTable.draft`."""

    def __init__(self, table: EventTable, state: str, sha256: str) -> None:
        self._table, self._root = table, table.path
        self.state, self.sha256 = state, sha256
        self._compared = set(table.manifest()["path"])
        self._parts: list[tuple[AddAction, Extent]] = []

    def seen(self, groups: set[tuple[date, str]]) -> Keys:
        """Keys of the events that the table holds of some days and feeds."""
        days, feeds = ({group[at] for group in groups} for at in (0, 1))
        return self._table.keys(days, state=self.state, feed_codes=feeds)

    def add(self, events: pl.DataFrame) -> None:
        """Write events, sorted by source_ip_key and not doubled, to disk: one file for each day."""
        for day, part in _by_day(events):
            path = layout.part_path(day, layout.mark(self.state, self.sha256), len(self._parts))
            self._parts.append((layout.write_part(self._root, path, part), _extent(day, part)))

    def commit(self, result: Result) -> Result:
        """Make all events visible at once and record the counts; returns them as they are recorded.

        They differ from `result` when other processes have committed the same events, or the same file, since the
        draft began. Raises Temporary when too many others commit at the same time.
        """
        name = layout.transaction(self.state, self.sha256)
        for _ in range(_ATTEMPTS):
            table = layout.open_table(self._root)
            if table.transaction_version(name) is not None:
                return Result.recorded(self._table.committed(self.state, self.sha256) or {})
            doubled = self._drop_doubled(table)
            result = replace(result, kept=result.kept - doubled, doubled=result.doubled + doubled)
            if self._try(table, name, result):
                self._parts = []
                return result
        raise Temporary("The event table is too busy: the file could not be committed.")

    def discard(self) -> None:
        """Delete what is not committed."""
        for part, _ in self._parts:
            (self._root / part.path).unlink(missing_ok=True)
        self._parts = []

    def _try(self, table: DeltaTable, name: str, result: Result) -> bool:
        properties = CommitProperties(
            custom_metadata={layout.COUNTS: {"file": name, **result.counts()}},
            # No retries by the library: whatever came in between has to be compared with our events first.
            max_commit_retries=0,
            app_transactions=[Transaction(name, 1)],
        )
        parts = [part for part, _ in self._parts]
        try:
            table.create_write_transaction(
                parts, "append", table.schema(), ["day"], commit_properties=properties
            )
        except CommitFailedError:
            return False
        return True

    def _drop_doubled(self, table: DeltaTable) -> int:
        """Remove the events that others have committed since the draft began; returns how many."""
        files = layout.manifest(table)
        new = files.filter(~pl.col("path").is_in(list(self._compared)))
        self._compared = set(files["path"])
        if new.is_empty():
            return 0
        return sum(self._compare(number, new) for number in range(len(self._parts)))

    def _compare(self, number: int, new: pl.DataFrame) -> int:
        part, extent = self._parts[number]
        day, states, feeds = extent
        rivals = new.filter(
            pl.col("day") == day, layout.may_hold("state", states), layout.may_hold("feed_code", feeds)
        )
        if rivals.is_empty():
            return 0
        events = reading.scan(self._root, [part.path]).collect()
        seen = np.unique(self._table.keys_in(rivals["path"]))
        kept = events.filter(~pl.Series(contains(seen, events["key"].to_numpy())))
        if kept.height < events.height:
            path = layout.part_path(day, layout.mark(self.state, self.sha256), number)
            self._parts[number] = (layout.write_part(self._root, path, kept), extent)
            (self._root / part.path).unlink()
        return events.height - kept.height


def _by_day(events: pl.DataFrame) -> Iterator[tuple[date, pl.DataFrame]]:
    days = events["day"].unique().sort()
    for day in days:
        yield day, events if len(days) == 1 else events.filter(pl.col("day") == day)


def _extent(day: date, part: pl.DataFrame) -> Extent:
    return day, part["state"].unique().to_list(), part["feed_code"].unique().to_list()
