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


def plan(root: Path, files: pl.DataFrame, state: str, networks: Networks) -> Plan:
    """Hold all events of a state against `networks`; `files` is a manifest. Memory follows the largest file."""
    moves, paths, findings = [pl.DataFrame(schema=MOVES)], [], [np.array([], np.int64)]
    for path in files.filter(layout.may_hold("state", [state]))["path"]:
        moved = _moved(root, path, state, networks)
        if moved.height:
            paths.append(path)
            findings.append(moved["finding"].drop_nulls().unique().to_numpy())
            moves.append(_counted(moved))
    return Plan(_summed(moves), paths, np.unique(np.concatenate(findings)))


def _moved(root: Path, path: str, state: str, networks: Networks) -> pl.DataFrame:
    """The events of one file whose owners differ: columns was, now, day and finding."""
    # A pseudonym is nobody's address: who owned the real one stays as it was.
    events = reading.scan(root, [path]).filter(_real(state)).select(READ).collect()
    owners = attribute(events.drop(*OWNER_COLUMNS), networks).select(OWNER_COLUMNS.keys())
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


def write(root: Path, path: str, state: str, networks: Networks) -> AddAction:
    """Write one file anew with the owners of today; nobody sees it before it is committed in the old one's place."""
    events = reading.scan(root, [path]).collect()
    mine = events.select(_real(state)).to_series()
    owners = attribute(events.drop(*OWNER_COLUMNS), networks).select(OWNER_COLUMNS.keys())
    if not mine.all():
        owners = owners.select(
            pl.when(mine).then(pl.col(name)).otherwise(events[name]).alias(name) for name in OWNER_COLUMNS
        )
    again = path.rpartition("-")[0]
    return layout.write_part(root, layout.renamed(again), split(events.with_columns(owners)))
