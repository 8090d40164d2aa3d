"""The event table: one Delta Lake table, its own log being the only list of files."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from deltalake.transaction import AddAction

from atalaya.core.engine import LOCAL, Engine
from atalaya.core.enrich.filling import as_received
from atalaya.core.errors import AtalayaError
from atalaya.core.pipeline.attribute import Networks
from atalaya.core.pipeline.before import as_it_came
from atalaya.core.pipeline.dedupe import Keys
from atalaya.core.pipeline.identity import CONTENT, EPOCH, event_keys
from atalaya.core.store import attribution, compaction, counting, findings, frozen, layout, reading, rollup
from atalaya.core.store.draft import Draft
from atalaya.core.store.question import Question, Scope

_ATTEMPTS = 20
"""Times that merged files are committed when other processes commit at the same time."""


class EventTable:
    """All events of a node. Safe for threads; any number of processes may read and append at once.

    Reads go through a `Question`, which carries the asker's scope. What takes long is done where `engine` has room; its
    processes find the table under the same path.
    """

    def __init__(self, path: Path, engine: Engine = LOCAL) -> None:
        self.path = Path(path)
        self.engine = engine
        self._lock = threading.Lock()
        self._owned = threading.local()
        self._table: layout.Handle | None = None
        self._manifest: tuple[int, pl.DataFrame] | None = None

    # -- what is there -------------------------------------------------------------------------------------------

    def manifest(self) -> pl.DataFrame:
        """The committed files, now: path, day, rows, size and bounds (see `layout.MANIFEST`)."""
        with self._lock:
            table = self._fresh()
            version = table.version()
            if self._manifest is None or self._manifest[0] != version:
                self._manifest = version, layout.manifest(table)
            return self._manifest[1]

    def committed(self, state: str, sha256: str) -> dict[str, Any] | None:
        """Counts of a feed file that was committed (see `Result.counts`), None when it was not.

        Raises AtalayaError when it was, but so long ago that the log has forgotten the counts.
        """
        with self._lock:
            table = self._fresh()
        name = layout.transaction(state, sha256)
        if table.transaction_version(name) is None:
            return None
        for limit in (20, None):
            for commit in table.history(limit):
                counts: dict[str, Any] = commit.get(layout.COUNTS) or {}
                if counts.get("file") == name:
                    return counts
        raise AtalayaError(
            f"The file {sha256} was stored before; its counts are no longer in the event table's log."
        )

    def keys(self, days: Iterable[date], *, state: str, feed_codes: Iterable[str]) -> Keys:
        """Event keys that the table holds of these days, state and feeds, in no order, in today's epoch."""
        files = self.manifest().filter(pl.col("day").is_in(list(days)), layout.may_hold("state", [state]))
        return self.keys_in(files.filter(layout.may_hold("feed_code", feed_codes))["path"])

    def keys_in(self, paths: Iterable[str]) -> Keys:
        """Event keys of some of the table's files, in no order, in today's epoch."""
        found: list[Keys] = [np.array([], np.int64)]
        paths = list(paths)
        old = [path for path in paths if not path.partition("/")[2].startswith(EPOCH)]
        new = [path for path in paths if path.partition("/")[2].startswith(EPOCH)]
        if new:
            found.append(reading.scan(self.path, new).select("key").collect()["key"].to_numpy())
        for path in old:
            told = as_it_came(reading.scan(self.path, [path])).select(*CONTENT, "filled").collect()
            found.append(event_keys(as_received(told)).to_numpy())
        return np.concatenate(found)

    # -- adding --------------------------------------------------------------------------------------------------

    @contextmanager
    def draft(self, state: str, sha256: str) -> Iterator[Draft]:
        """Room for the events of one feed file; what is not committed when the block ends is removed."""
        draft = Draft(self, state, sha256)
        try:
            yield draft
        finally:
            draft.discard()

    def sweep(self, older_than: timedelta = timedelta(days=1)) -> int:
        """Delete files left behind by processes that died before their commit; returns how many."""
        found = layout.orphans(self.path, set(self.manifest()["path"]), older_than)
        # A commit between the two looks may have made one of them known.
        known = set(self.manifest()["path"])
        lost = [path for path in found if path.relative_to(self.path).as_posix() not in known]
        for path in lost:
            path.unlink(missing_ok=True)
        rollup.forget(self.path, known)
        return len(lost)

    def compact(self) -> int:
        """Merge small files of the same day (see `compaction`); returns how many files became fewer.

        May be killed at any moment, and run in several processes at once: whoever comes second leaves it at that.
        """
        fewer = 0
        for day, paths in compaction.plan(self.manifest()):
            merged = compaction.write(self.path, day, paths)
            if self._replace(merged, paths):
                fewer += len(paths) - 1
        return fewer

    def summarise(self) -> int:
        """Count the large files that were not counted yet (see `rollup`); returns how many."""
        paths = rollup.missing(self.path, self.manifest())
        for path in paths:
            rollup.make(self.path, path)
        return len(paths)

    def _replace(self, written: AddAction, paths: list[str]) -> bool:
        """`_exchange`, and away with the new file when it could not take the place of the old ones."""
        if self._exchange(written, paths):
            return True
        # A commit can be in the log although it was reported as failed: only the log knows.
        if written.path in set(layout.manifest(self.own())["path"]):
            return True
        (self.path / written.path).unlink(missing_ok=True)
        return False

    def _exchange(self, merged: AddAction, paths: list[str]) -> bool:
        """Put a merged file in the place of others, as long as they are all there."""
        for _ in range(_ATTEMPTS):
            table = self.own()
            if not set(paths) <= set(layout.manifest(table)["path"]):
                return False
            if compaction.exchange(self.path, table, merged, paths):
                return True
        return False

    # -- owners --------------------------------------------------------------------------------------------------

    def plan_attribution(self, state: str, networks: Networks) -> attribution.Plan:
        """What `networks` would change in the events of a state; changes nothing."""
        registry = attribution.Registry(self.path, state, networks)
        return attribution.plan(self.manifest(), registry, self.engine)

    def attribute_again(self, state: str, networks: Networks, paths: Iterable[str]) -> bool:
        """Write some files anew with the owners that `networks` knows. False when one of them was merged away meanwhile.

        May be killed at any moment and called again with a new plan.
        """
        paths = list(paths)
        there = (path for path in paths if path in set(self.manifest()["path"]))
        registry = attribution.Registry(self.path, state, networks)
        written = self.engine.map(attribution.write, there, registry)
        return sum(self._replace(anew, [path]) for path, anew in written) == len(paths)

    def findings_with(self, state: str, keys: Keys, unfinished: Mapping[str, int | None]) -> pl.DataFrame:
        """What the whole history says of some findings (see `findings.of_keys`)."""
        return findings.of_keys(self.path, self.manifest(), state, keys, unfinished)

    def vulnerabilities(self) -> pl.DataFrame:
        """Which vulnerabilities findings name (see `findings.vulnerabilities`)."""
        return findings.vulnerabilities(self.path, self.manifest())

    # -- asking --------------------------------------------------------------------------------------------------

    def findings_of(self, state: str, sha256: str) -> pl.DataFrame:
        """The sightings of one committed feed file, one row for each finding, sorted by key (`findings.COLUMNS`)."""
        return findings.of_file(self.path, self._files_of(state, sha256), state, sha256)

    def finding_keys_of(self, state: str, sha256: str) -> Keys:
        """The keys of `findings_of` alone, sorted: reading them is several times cheaper."""
        return findings.keys_of_file(self.path, self._files_of(state, sha256), state, sha256)

    def _files_of(self, state: str, sha256: str) -> pl.DataFrame:
        """The part of the manifest that can hold events of a feed file."""
        files = self.manifest()
        own = files.filter(pl.col("path").str.contains(f"-{layout.mark(state, sha256)}-", literal=True))
        counts = self.committed(state, sha256)
        if counts is not None and own["rows"].sum() < counts["kept"]:
            own = pl.concat([own, _merged(files, counts)])
        return own

    def query(self, question: Question, columns: Sequence[str] | None = None) -> reading.Answer:
        """One page of events (see `rows`), and how many there are in all."""
        found = reading.answer(self.path, self.manifest(), question, columns)
        return found or reading.Answer(self.rows(question, columns), self.count(question))

    def rows(self, question: Question, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """`limit` events from `offset` on, in the question's order: all columns of the schema, or some and those of the order."""
        return reading.rows(self.path, self.manifest(), question, columns)

    def count(self, question: Question) -> int:
        """How many events answer the question; limit and offset are ignored."""
        return counting.count(self.path, self.manifest(), question, self.engine)

    def histogram(self, question: Question, buckets: int = 60) -> pl.DataFrame:
        """Columns time (start of the bucket, UTC), type and count, sorted, without empty buckets.

        Buckets are equally wide: whole minutes, hours or days, at most `buckets` of them in the question's span.
        """
        return counting.histogram(self.path, self.manifest(), question, buckets, self.engine)

    def top(self, question: Question, column: str, n: int = 10) -> pl.DataFrame:
        """Columns value and count: the most frequent values of a column, null left out. `owners` counts each owner."""
        return counting.top(self.path, self.manifest(), question, column, n, self.engine)

    def one(self, raw_file: str, raw_row: int, scope: Scope) -> dict[str, Any] | None:
        """One event by its provenance, or None when there is none in the scope."""
        question = Question(
            states=scope.states,
            organisations=scope.organisations,
            raw_file=raw_file,
            raw_row=raw_row,
            limit=1,
        )
        found = self.rows(question)
        return found.row(0, named=True) if found.height else None

    def batches(self, question: Question) -> Iterator[pl.DataFrame]:
        """All answers, newest day first, in pieces that fit into memory; limit and offset are ignored."""
        return reading.batches(self.path, self.manifest(), question)

    # -- copying and writing anew --------------------------------------------------------------------------------

    def rewriting(self, *, patience: float = 600.0) -> AbstractContextManager[None]:
        """Be the only one who writes history anew, or copies it (see `frozen.rewriting`)."""
        return frozen.rewriting(self.path, patience=patience)

    # -- the Delta table -----------------------------------------------------------------------------------------

    def _fresh(self) -> layout.Handle:
        """The table as it is now. The caller holds the lock."""
        self._table = layout.current(self._table, self.path)
        return self._table

    def own(self) -> layout.Handle:
        """The table as it is now, in a handle that no other thread moves on: what is committed by it is committed on
        top of exactly this."""
        self._owned.table = layout.current(getattr(self._owned, "table", None), self.path)
        table: layout.Handle = self._owned.table
        return table


def _merged(files: pl.DataFrame, counts: dict[str, Any]) -> pl.DataFrame:
    """The merged files that can hold events of a feed file with these counts."""
    first, last = (
        datetime.fromisoformat(counts[name]).date() for name in ("first_event_at", "last_event_at")
    )
    mixed = pl.col("path").str.contains(f"-{layout.MIXED}-", literal=True)
    return files.filter(mixed, pl.col("day").is_between(first, last))
