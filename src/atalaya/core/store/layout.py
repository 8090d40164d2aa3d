"""How the event table lies on disk: its Delta schema, the names of its files, and what the log says about each.

A file's name tells the epoch of its event keys and the feed file it came from, so that both are known without opening
it: `day=2026-03-01/667b24bc-PA-<start of the SHA-256>-00000-<random>.parquet`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from atalaya.core.pipeline.identity import EPOCH
from atalaya.core.pipeline.same import Events
from atalaya.core.schema.columns import polars_schema

ROW_GROUP = 8_192
"""Rows read at least for one address: smaller groups make look-ups faster and files larger."""
MIXED = "mixed"
"""Stands for the feed file's mark in files that hold events of several feed files."""

COUNTS = "atalaya"
"""Where the counts of a feed file stand in the metadata of its commit."""
STATISTICS = ("source_ip_key", "state", "feed_code")
"""Columns whose lowest and highest value the log keeps for each file."""

LOG = "_delta_log"
LAST_CHECKPOINT = "_last_checkpoint"
"""The file of the log that names its newest checkpoint: Delta writes it after the checkpoint itself."""

FILE_SCHEMA: dict[str, pl.DataType] = {name: kind for name, kind in polars_schema().items() if name != "day"}
"""Columns that can be in a file; the day is the folder. Columns without any value are left out of a file."""

MANIFEST: dict[str, pl.DataType] = {
    "path": pl.String(),
    "day": pl.Date(),
    "rows": pl.Int64(),
    "size": pl.Int64(),
    **{f"{bound}.{name}": polars_schema()[name] for bound in ("min", "max") for name in STATISTICS},
}
"""Columns of `manifest`."""

_CONFIGURATION: Mapping[str, str | None] = {
    "delta.logRetentionDuration": "interval 365 days",
    "delta.dataSkippingStatsColumns": ",".join(STATISTICS),
}
_DELTA: dict[pl.DataType, Any] = {
    pl.String(): "string",
    pl.Int64(): "long",
    pl.Float64(): "double",
    pl.Boolean(): "boolean",
    pl.Date(): "date",
    pl.Datetime("us", "UTC"): "timestamp",
    pl.List(pl.String()): {"type": "array", "elementType": "string", "containsNull": True},
}


def delta_schema(columns: Iterable[str] | None = None) -> Schema:
    """The Delta schema of the event table, or of some of its columns."""
    kinds = polars_schema()
    fields = [
        {"name": name, "type": _DELTA[kinds[name]], "nullable": True, "metadata": {}}
        for name in (kinds if columns is None else columns)
    ]
    return Schema.from_json(json.dumps({"type": "struct", "fields": fields}))


def mark(state: str, sha256: str) -> str:
    """What the names of a feed file's parts have in common."""
    return f"{state}-{sha256[:32]}"


def transaction(state: str, sha256: str) -> str:
    """The Delta application that commits a feed file, once."""
    return f"{state}:{sha256}"


def part_path(day: date, source: str, number: int) -> str:
    """A new file name, relative to the table. `source` is the `mark` of a feed file, or MIXED."""
    return renamed(f"day={day:%Y-%m-%d}/{EPOCH}-{source}-{number:05d}")


def renamed(start: str) -> str:
    """A new file name that begins like another one, up to its last dash: for the same events written anew."""
    return f"{start}-{uuid.uuid4().hex[:12]}.parquet"


def write_part(root: Path, path: str, events: Events, *, data_change: bool = True) -> AddAction:
    """Write one file of events of one day, sorted by source_ip_key; nobody sees it before it is committed.

    `data_change`: whether these are new events, and not old ones written anew.
    """
    full = root / path
    full.parent.mkdir(parents=True, exist_ok=True)
    rows = _without_single_claims(events.rows)
    nulls = rows.null_count().row(0, named=True)
    filled = [name for name in FILE_SCHEMA if nulls.get(name, rows.height) < rows.height]
    alike = [pl.lit(value).cast(_categories()).alias(name) for name, value in events.same.items()]
    owners = [pl.col("owners").cast(pl.List(_categories()))] if "owners" in filled else []
    names = [name for name in FILE_SCHEMA if name in filled or name in events.same]
    with whole(full):
        rows.select(filled).with_columns(*alike, *owners).select(names).write_parquet(
            full, compression="zstd", compression_level=1, row_group_size=ROW_GROUP
        )
    return AddAction(
        path=path,
        size=full.stat().st_size,
        partition_values={"day": full.parent.name.removeprefix("day=")},
        modification_time=int(datetime.now(UTC).timestamp() * 1000),
        data_change=data_change,
        stats=json.dumps(_statistics(events)),
    )


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """Leave nothing of a file that could not be written to its end: half of one on a full disk keeps it full."""
    written = False
    try:
        yield
        written = True
    finally:
        if not written:
            path.unlink(missing_ok=True)


def _without_single_claims(rows: pl.DataFrame) -> pl.DataFrame:
    """Leave out `owners` where the owner is the only one: most often that is everywhere, and the column is not written."""
    if "owners" not in rows.columns:
        return rows
    return rows.with_columns(pl.when(pl.col("owners").list.len() > 1).then("owners").alias("owners"))


def _categories() -> pl.Categorical:
    """A type for few texts: written in half the time and less room, and read as text again (see `reading.scan`)."""
    return pl.Categorical(pl.Categories.random())


def _statistics(events: Events) -> dict[str, Any]:
    rows = events.rows
    known = {
        name: rows[name]
        for name in STATISTICS
        if name in rows.columns and rows[name].null_count() < rows.height
    }
    known |= {name: pl.Series([events.same[name]]) for name in STATISTICS if name in events.same}
    return {
        "numRecords": rows.height,
        "minValues": {name: column.min() for name, column in known.items()},
        "maxValues": {name: column.max() for name, column in known.items()},
        "nullCount": {name: column.null_count() for name, column in known.items()},
    }


class Handle(DeltaTable):
    """The table at one version. `checkpoint` tells which checkpoint of its log it may still read from (see `latest`)."""

    def __init__(self, path: Path) -> None:
        # Looked for before the table is opened: a new one that comes in between is opened once more, never missed.
        self.checkpoint = latest(path)
        super().__init__(path)


def checkpoints(root: Path) -> list[Path]:
    """The checkpoints of the table's log."""
    return sorted((root / LOG).glob("[0-9]*.parquet"))


def latest(root: Path) -> int:
    """When the log last got a checkpoint (nanoseconds since 1970), 0 where it has none."""
    try:
        return (root / LOG / LAST_CHECKPOINT).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def open_table(path: Path) -> Handle:
    """The table as it is now, made if it is not there, with all columns of the schema."""
    try:
        table = Handle(path)
    except TableNotFoundError:
        path.mkdir(parents=True, exist_ok=True)
        DeltaTable.create(
            path,
            delta_schema(),
            mode="ignore",
            partition_by=["day"],
            name="events",
            configuration=_CONFIGURATION,
        )
        table = Handle(path)
    known = {field.name for field in table.schema().fields}
    if missing := [name for name in polars_schema() if name not in known]:
        table.alter.add_columns(list(delta_schema(missing).fields))
    return table


def current(table: Handle | None, path: Path) -> Handle:
    """The table as it is now, from a handle of before if there is one."""
    if table is None or table.checkpoint != latest(path):
        return open_table(path)  # retention deletes checkpoints soon after it has made a new one
    # Versions follow each other, and the log keeps each for a year: without a next one nothing changed. To ask the log
    # itself costs milliseconds.
    if (path / LOG / f"{table.version() + 1:020d}.json").exists():
        table.update_incremental()
    return table


def commit(
    table: DeltaTable,
    actions: list[AddAction | RemoveAction],
    *,
    metadata: dict[str, Any],
    application: str = "",
) -> bool:
    """Commit files on top of exactly this table. False, and nothing happened, when others have committed since.

    `application` is the Delta application whose transaction this is, if it is one.
    """
    properties = CommitProperties(
        custom_metadata=metadata or None,
        # No retries by the library: whatever came in between has to be compared with our files first.
        max_commit_retries=0,
        app_transactions=[Transaction(application, 1)] if application else None,
    )
    try:
        table.create_write_transaction(
            actions, "append", table.schema(), ["day"], commit_properties=properties
        )
    except CommitFailedError:
        return False
    return True


def manifest(table: DeltaTable) -> pl.DataFrame:
    """The files of the table as its log has them (see MANIFEST). Bounds are null where a file does not tell."""
    actions = pl.DataFrame(table.get_add_actions(flatten=True))
    names = {"path": "path", "day": "partition.day", "rows": "num_records", "size": "size_bytes"}
    return actions.select(
        (pl.col(source) if (source := names.get(name, name)) in actions.columns else pl.lit(None))
        .cast(kind)
        .alias(name)
        for name, kind in MANIFEST.items()
    )


def may_hold(column: str, values: Iterable[str]) -> pl.Expr:
    """Whether a file (a row of `manifest`) can have an event with one of these values in a column of STATISTICS."""
    low, high = pl.col(f"min.{column}"), pl.col(f"max.{column}")
    ranges = [(low <= value) & (high >= value) for value in values]
    return reduce(or_, ranges, low.is_null() | high.is_null())


def orphans(root: Path, known: set[str], older_than: timedelta) -> list[Path]:
    """Data files that no commit names and that nobody has touched for a while."""
    limit = datetime.now(UTC).timestamp() - older_than.total_seconds()
    found = [path for path in root.glob("day=*/*.parquet") if path.relative_to(root).as_posix() not in known]
    return [path for path in found if path.stat().st_mtime < limit]
