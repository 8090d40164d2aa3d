"""Small files of one day merged into larger ones, sorted by address: a question opens a file for each day, not hundreds.

Events do not change and no commit counts twice: one Delta commit takes the new file in and the old ones out. The old files
stay on disk until `EventTable.sweep` finds that nobody has needed them for a day, because others may be reading them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
from deltalake import DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from atalaya.core.enrich.filling import as_received
from atalaya.core.pipeline.identity import CONTENT, EPOCH, event_keys
from atalaya.core.pipeline.same import split
from atalaya.core.store import layout, reading

SMALL_ROWS = 50_000
"""A file with fewer rows is worth merging."""
FEWEST = 8
"""So many small files of a day are merged, fewer are left alone: each event is written anew only a few times."""
MOST_ROWS = 250_000
"""Rows of one merged file: as many as the pipeline holds in memory at once."""
MOST_FILES = 256
"""Files read at once: a process may have only so many open."""


def plan(files: pl.DataFrame) -> Iterator[tuple[date, list[str]]]:
    """What to merge in a manifest: a day and the paths of small files, oldest day first."""
    small = files.filter(pl.col("rows") < SMALL_ROWS).sort("day", "rows", "path")
    for (day,), part in small.group_by("day", maintain_order=True):
        if part.height >= FEWEST:
            yield from ((day, paths) for paths in _groups(part) if len(paths) > 1)


def _groups(files: pl.DataFrame) -> Iterator[list[str]]:
    group: list[str] = []
    rows = 0
    for path, height in files.select("path", "rows").iter_rows():
        if group and (rows + height > MOST_ROWS or len(group) == MOST_FILES):
            yield group
            group, rows = [], 0
        group.append(path)
        rows += height
    yield group


def write(root: Path, day: date, paths: list[str]) -> AddAction:
    """Write one file with all events of some files of a day; nobody sees it before it is committed."""
    events = reading.scan(root, paths).collect()
    if not all(path.partition("/")[2].startswith(EPOCH) for path in paths):
        events = events.with_columns(event_keys(as_received(events.select(*CONTENT, "filled"))))
    events = events.sort("source_ip_key", nulls_last=False, maintain_order=True)
    return layout.write_part(root, layout.part_path(day, layout.MIXED, 0), split(events), data_change=False)


def exchange(root: Path, table: DeltaTable, merged: AddAction, paths: list[str]) -> bool:
    """Commit the new file in place of the old ones, on top of exactly this table. False when others committed meanwhile."""
    for path in paths:
        # From now on for a day: see `EventTable.sweep`.
        os.utime(root / path)
    now, day = int(datetime.now(UTC).timestamp() * 1000), dict(merged.partition_values)
    old = [RemoveAction(path, merged.data_change, now, (root / path).stat().st_size, day) for path in paths]
    return layout.commit(table, [merged, *old], metadata={})
