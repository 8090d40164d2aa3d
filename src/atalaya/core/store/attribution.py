"""Whose were they? Events of the past held against the networks as they are registered now.

An event does not change; who owns it is worked out from the registry and is worked out again when that changes. A claim
counts on the days on which it is valid, so that what belonged to somebody else last year still does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from deltalake.transaction import AddAction

from atalaya.core.engine import LOCAL, Engine
from atalaya.core.pipeline.attribute import Networks, attribute
from atalaya.core.pipeline.claims import OWNER_COLUMNS
from atalaya.core.pipeline.same import split
from atalaya.core.store import layout, reading

MOVES: dict[str, pl.DataType] = {
    "was": pl.String(),
    "now": pl.String(),
    "day": pl.Date(),
    "events": pl.Int64(),
}
"""Columns of `Plan.moves`: from which owner to which (UUIDs, null for nobody), on which day, how many events. Events of
which only the wider claims change are counted from an owner to the same one."""

READ = ("state", "day", "pseudonym", "source_ip", "source_fqdn", "source_asn", "finding", *OWNER_COLUMNS)


@dataclass(frozen=True)
class Plan:
    """What the registry of today would change in the events of one state.

    `paths` are the files to write anew; `findings` the keys whose owner or numbers may change, sorted.
    """

    moves: pl.DataFrame
    paths: list[str]
    findings: npt.NDArray[np.int64]

    @property
    def events(self) -> int:
        """How many events get other owners."""
        return int(self.moves["events"].sum())


@dataclass(frozen=True)
class Registry:
    """What a file of events is held against: the networks of one state, and where the table is."""

    root: Path
    state: str
    networks: Networks


@dataclass(frozen=True)
class Moved:
    """What changes in one file: `moves` as in `Plan`, and the keys of the findings concerned."""

    path: str
    moves: pl.DataFrame
    findings: npt.NDArray[np.int64]


def plan(files: pl.DataFrame, registry: Registry, engine: Engine = LOCAL) -> Plan:
    """Hold all events of a state against its networks; `files` is a manifest. Memory follows the largest files."""
    paths = files.filter(layout.may_hold("state", [registry.state]))["path"]
    found = [one for one in engine.map(moved, paths, registry) if one.moves.height]
    moves = [pl.DataFrame(schema=MOVES), *(one.moves for one in found)]
    findings = [np.array([], np.int64), *(one.findings for one in found)]
    return Plan(_summed(moves), [one.path for one in found], np.unique(np.concatenate(findings)))


def moved(path: str, registry: Registry) -> Moved:
    """What changes in one file: a stage that any process can do."""
    events = _moved(path, registry)
    return Moved(path, _counted(events), events["finding"].drop_nulls().unique().to_numpy())


def _moved(path: str, registry: Registry) -> pl.DataFrame:
    """The events of one file whose owners differ: columns was, now, day and finding."""
    # A pseudonym is nobody's address: who owned the real one stays as it was.
    events = reading.scan(registry.root, [path]).filter(_real(registry.state)).select(READ).collect()
    owners = attribute(events.drop(*OWNER_COLUMNS), registry.networks).select(OWNER_COLUMNS.keys())
    other = _differ(events.select(OWNER_COLUMNS.keys()), owners)
    return pl.DataFrame(
        {"was": events["owner"], "now": owners["owner"], "day": events["day"], "finding": events["finding"]}
    ).filter(other)


def _real(state: str) -> pl.Expr:
    return (pl.col("state") == state) & pl.col("pseudonym").is_null()


def _differ(one: pl.DataFrame, other: pl.DataFrame) -> pl.Series:
    """In which rows the owner, the network that made it one, or any of the claims is not the same."""
    apart = one["owner"].ne_missing(other["owner"]) | one["owner_by"].ne_missing(other["owner_by"])
    return apart | _text(one["owners"]).ne_missing(_text(other["owners"]))


def _text(lists: pl.Series) -> pl.Series:
    return lists.list.join(",")


def _counted(moved: pl.DataFrame) -> pl.DataFrame:
    return moved.group_by("was", "now", "day").agg(events=pl.len().cast(pl.Int64)).select(MOVES.keys())


def _summed(moves: Iterable[pl.DataFrame]) -> pl.DataFrame:
    every = pl.concat(moves).group_by("was", "now", "day").agg(pl.col("events").sum())
    return every.select(MOVES.keys()).sort(
        "events", "day", "was", "now", descending=[True, False, False, False]
    )


def write(path: str, registry: Registry) -> tuple[str, AddAction]:
    """Write one file anew with the owners of today; nobody sees it before it is committed in the old one's place.

    A stage that any process can do, and do again. Returns the old file's path and the new file.
    """
    events = reading.scan(registry.root, [path]).collect()
    mine = events.select(_real(registry.state)).to_series()
    owners = attribute(events.drop(*OWNER_COLUMNS), registry.networks).select(OWNER_COLUMNS.keys())
    if not mine.all():
        owners = owners.select(
            pl.when(mine).then(pl.col(name)).otherwise(events[name]).alias(name) for name in OWNER_COLUMNS
        )
    again = path.rpartition("-")[0]
    return path, layout.write_part(registry.root, layout.renamed(again), split(events.with_columns(owners)))
