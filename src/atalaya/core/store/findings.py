"""What events say about findings: summed while they are written, or read back from the table, so that it can be done again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import and_
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from atalaya.core.pipeline.dedupe import Keys
from atalaya.core.pipeline.identity import hosts
from atalaya.core.pipeline.same import NOTHING, Same, is_same
from atalaya.core.schema.columns import polars_schema
from atalaya.core.store import layout, reading

COLUMNS: dict[str, pl.DataType] = {
    "finding": pl.Int64(),
    "state": pl.String(),
    "owner": pl.String(),
    "feed_code": pl.String(),
    "classification_taxonomy": pl.String(),
    "classification_type": pl.String(),
    "classification_identifier": pl.String(),
    "severity": pl.String(),
    "address": pl.String(),
    "port": pl.Int64(),
    "malware": pl.String(),
    "rule": pl.String(),
    "cves": pl.String(),
    "first_seen": pl.Datetime("us", "UTC"),
    "last_seen": pl.Datetime("us", "UTC"),
    "count": pl.Int64(),
}
"""Columns of `Sightings.table`."""

_READ = (
    "state", "owner", "feed_code", "classification_taxonomy", "classification_type", "classification_identifier",
    "severity", "source_port", "malware_name", "source_ip", "source_fqdn", "source_url", "source_account", "rule",
    "product_vulnerabilities",
)  # fmt: skip
_TOLD = tuple(name for name in COLUMNS if name not in ("finding", "first_seen", "last_seen", "count"))
FOLDED = 100_000
"""Rows that wait at least before findings are summed again: memory follows the findings, not the events."""


class Sightings:
    """The findings with an owner that some events tell of: events go in part by part, one row a finding comes out.

    First and last sight and count are of all events; everything else is of one of the latest sightings.
    """

    def __init__(self) -> None:
        self._parts: list[pl.DataFrame] = []
        self._waiting = self._known = 0

    def add(self, events: pl.DataFrame, same: Same = NOTHING) -> None:
        """Count some events. `same` has the columns with one value in all rows; a column in neither is empty."""
        if "owner" not in events.columns:
            return
        owned = events if not events["owner"].null_count() else events.filter(pl.col("owner").is_not_null())
        if owned.is_empty():
            return
        time = owned["time_source"].to_physical()
        part = _summed(owned["finding"].to_numpy(), time, time, np.ones(owned.height, np.int64))
        told = [owned[name] if name in owned.columns else _alike(name, same, owned.height) for name in _READ]
        self._keep(_beside(part, _named(pl.DataFrame(told)[part["row"]])))

    def join(self, others: Sightings) -> None:
        """Count what others have counted."""
        for part in others._parts:
            self._keep(part)

    def _keep(self, part: pl.DataFrame) -> None:
        self._parts.append(part)
        self._waiting += part.height
        if self._waiting > max(FOLDED, 2 * self._known):
            self._fold()

    def _fold(self) -> None:
        """Make one part of all: each finding once."""
        rows = pl.concat(self._parts, rechunk=True)
        first, last = rows["first_seen"].to_physical(), rows["last_seen"].to_physical()
        sums = _summed(rows["finding"].to_numpy(), first, last, rows["count"].to_numpy())
        self._parts = [_beside(sums, rows.select(_TOLD)[sums["row"]])]
        self._known = self._waiting = sums.height

    def __len__(self) -> int:
        """Rows held: at least the number of findings."""
        return self._waiting

    def table(self) -> pl.DataFrame:
        """One row for each finding (COLUMNS), sorted by key."""
        if not self._parts:
            return pl.DataFrame(schema=COLUMNS)
        if len(self._parts) > 1:
            self._fold()
        return self._parts[0].select(COLUMNS.keys())


def _beside(sums: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    own = pl.DataFrame([_own(column) for column in told])
    return pl.concat([sums.drop("row"), own], how="horizontal")


def _own(column: pl.Series) -> pl.Series:
    """Texts picked from many rows share the memory of all of them: written anew they hold only their own."""
    if column.dtype != pl.String or column.null_count() == len(column):
        return column
    if is_same(column):
        return pl.Series(column.name, [column[0]]).new_from_index(0, len(column))
    return column + ""


def _named(events: pl.DataFrame) -> pl.DataFrame:
    """What is told of a finding, from the events of its last sights: columns _TOLD."""
    address = pl.coalesce("source_ip", hosts(events)).alias("address")
    named = events.with_columns(
        address, port="source_port", malware="malware_name", cves="product_vulnerabilities"
    )
    return named.select(_TOLD)


def _alike(name: str, same: Same, height: int) -> pl.Series:
    return pl.Series(name, [same.get(name)], polars_schema()[name]).new_from_index(0, height)


def _summed(finding: Keys, first: pl.Series, last: pl.Series, count: npt.NDArray[np.int64]) -> pl.DataFrame:
    """Columns finding (each once, sorted), first_seen, last_seen, count, and row: where its last sight stands.

    `first` and `last` are microseconds since 1970.
    """
    order = np.argsort(finding, kind="stable")
    ordered, latest = finding[order], last.to_numpy()[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] ^ 1))
    end = np.maximum.reduceat(latest, starts)
    seen_last = np.flatnonzero(latest == np.repeat(end, np.diff(starts, append=len(ordered))))
    moment = COLUMNS["first_seen"]
    return pl.DataFrame(
        {
            "finding": ordered[starts],
            "first_seen": pl.Series(np.minimum.reduceat(first.to_numpy()[order], starts)).cast(moment),
            "last_seen": pl.Series(end).cast(moment),
            "count": np.add.reduceat(count[order], starts),
            "row": order[seen_last[np.searchsorted(seen_last, starts)]],
        }
    )


def of_file(root: Path, files: pl.DataFrame, state: str, sha256: str) -> pl.DataFrame:
    """The findings that a feed file tells of (see `Sightings`). `files` hold its events."""
    return _of([_owned(root, paths, state, sha256) for paths in reading.pieces(files)])


def keys_of_file(root: Path, files: pl.DataFrame, state: str, sha256: str) -> Keys:
    """The keys of the findings with an owner that a feed file tells of, sorted. `files` hold its events."""
    parts = [
        _owned(root, paths, state, sha256).filter(pl.col("owner").is_not_null()).select("finding")
        for paths in reading.pieces(files)
    ]
    found = [np.unique(part.collect()["finding"].to_numpy()) for part in parts]
    return np.unique(np.concatenate([np.array([], np.int64), *found]))


def of_keys(
    root: Path, files: pl.DataFrame, state: str, keys: Keys, unfinished: Mapping[str, int | None]
) -> pl.DataFrame:
    """What the whole history says of some findings of a state, as `of_file` does of one feed file.

    `unfinished` are feed files (by hash) whose sightings are still being counted, in key order up to the given key (None:
    none yet): what is left of them is not in the answer.
    """
    wanted = pl.Series("finding", keys)
    known = [~(pl.col("raw_file") == sha256) | _counted(upto) for sha256, upto in unfinished.items()]
    condition = reduce(and_, known, pl.col("owner").is_not_null() & (pl.col("state") == state))
    condition &= pl.col("finding").is_in(wanted.implode())
    files = files.filter(layout.may_hold("state", [state]))
    return _of([reading.scan(root, paths, condition) for paths in reading.pieces(files)])


def vulnerabilities(root: Path, files: pl.DataFrame) -> pl.DataFrame:
    """Columns finding, last_seen and cves, by finding: the last event with an owner that names vulnerabilities, and which.

    Whether it is the finding's last sight of all is for the caller to say. Reads three columns of the table.
    """
    names = pl.col("product_vulnerabilities").is_not_null() & pl.col("owner").is_not_null()
    last = pl.col("cves").sort_by("last_seen").last(), pl.col("last_seen").max()
    found = pl.DataFrame(schema={name: COLUMNS[name] for name in ("finding", "cves", "last_seen")})
    for paths in reading.pieces(files):
        events = reading.scan(root, paths, names).select(
            "finding", cves="product_vulnerabilities", last_seen="time_source"
        )
        found = pl.concat([found, events.collect()]).group_by("finding").agg(*last)
    return found.sort("finding")


def _counted(upto: int | None) -> pl.Expr:
    return pl.lit(False) if upto is None else pl.col("finding") <= upto


def _owned(root: Path, paths: list[str], state: str, sha256: str) -> pl.LazyFrame:
    events = reading.scan(root, paths)
    if any(f"-{layout.MIXED}-" in path for path in paths):
        return events.filter(raw_file=sha256, state=state)
    return events


def _of(parts: list[pl.LazyFrame]) -> pl.DataFrame:
    found = Sightings()
    for part in parts:
        found.add(part.select("finding", "time_source", *_READ).collect())
    return found.table()
