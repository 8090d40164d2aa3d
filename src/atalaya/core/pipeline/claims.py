"""Who claims what: a forest of networks, each with claims that hold for a while."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

Claim = tuple[str, str, date | None, date | None]
"""A network as text, its owner's UUID, and the first and last day that the claim holds (None: open)."""

_EVER = np.int32(2**31 - 1)


def claims_frame(claims: Iterable[Claim]) -> pl.DataFrame:
    """Claims as columns value, owner, since and until, in which a tie between equal networks is decided.

    The order: latest `since` first, then the owner's UUID.
    """
    schema = {"value": pl.String, "owner": pl.String, "since": pl.Date, "until": pl.Date}
    frame = pl.DataFrame(list(claims), schema=schema, orient="row")
    return frame.sort("since", "owner", descending=[True, False], nulls_last=True, maintain_order=True)


@dataclass(frozen=True)
class Claims:
    """Claims on the nodes of a forest. A claim on a node is also a claim on all below it.

    Node i has the claims `offsets[i]` to `offsets[i + 1]`, in order of precedence; `parent` is -1 at a root. Days are
    counted from 1970-01-01 and both ends are included. `fixed` has one row for each node whose claims, up to the root,
    hold for ever: columns owner, owners and owner_by; `dated` says which nodes are not of this kind. Both have one more
    element at the end, for "no node".
    """

    names: pl.Series
    parent: I32
    offsets: I64
    owner: pl.Series
    since: I32
    until: I32
    dated: npt.NDArray[np.bool_]
    fixed: pl.DataFrame

    @classmethod
    def build(cls, names: pl.Series, parent: I32, node: I64, claims: pl.DataFrame) -> Claims:
        """Claims (see `claims_frame`) on nodes, claim i being on node `node[i]`."""
        order = np.argsort(node, kind="stable")
        claims = claims[order]
        offsets = np.searchsorted(node[order], np.arange(len(names) + 1)).astype(np.int64)
        since = claims["since"].cast(pl.Int32).fill_null(-_EVER).to_numpy()
        until = claims["until"].cast(pl.Int32).fill_null(_EVER).to_numpy()
        own = (since != -_EVER) | (until != _EVER)
        dated = np.append(_inherited(np.bincount(node[order][own], minlength=len(names)) > 0, parent), False)
        bare = cls(names, parent, offsets, claims["owner"], since, until, dated, pl.DataFrame())
        fixed = pl.concat([bare._on(np.arange(len(names)), None), no_owners(1)], rechunk=True)
        return cls(names, parent, offsets, claims["owner"], since, until, dated, fixed)

    def of(self, node: I64, day: I32) -> pl.DataFrame:
        """Columns owner, owners and owner_by for each pair of node (-1: none) and day, null where nobody has a claim."""
        found = self.fixed[np.where(node < 0, len(self.names), node)]
        # An index of -1 reads the last element: `dated` has a False there for "no node".
        moving = np.flatnonzero(self.dated[node])
        if not len(moving):
            return found
        pairs, which = np.unique(node[moving] << 32 | day[moving], return_inverse=True)
        owners = self._on(pairs >> 32, (pairs & 0xFFFFFFFF).astype(np.int32))
        at = np.full(len(node), -1)
        at[moving] = which + len(found)
        return pl.concat([found, owners])[np.where(at < 0, np.arange(len(node)), at)]

    def _on(self, nodes: I64, days: I32 | None) -> pl.DataFrame:
        which, claim, node = self._walk(nodes, days)
        found = pl.DataFrame({"which": which, "owner": self.owner[claim], "owner_by": self.names[node]})
        sets = found.group_by("which", maintain_order=True).agg(
            pl.col("owner").first(),
            owners=pl.col("owner").unique(maintain_order=True),
            owner_by=pl.col("owner_by").first(),
        )
        rows = pl.DataFrame({"which": np.arange(len(nodes))})
        return rows.join(sets, on="which", how="left", maintain_order="left").drop("which")

    def _walk(self, nodes: I64, days: I32 | None) -> tuple[I64, I64, I64]:
        """Every claim that holds on each node: position in `nodes`, claim and claimed node, nearest first."""
        found: list[tuple[I64, I64, I64]] = []
        which, here = np.arange(len(nodes)), nodes
        while len(here):
            sizes = self.offsets[here + 1] - self.offsets[here]
            skipped = self.offsets[here] - (np.cumsum(sizes) - sizes)
            claim = np.repeat(skipped, sizes) + np.arange(sizes.sum())
            row = np.repeat(which, sizes)
            holds = np.full(len(claim), True)
            if days is not None:
                holds = (self.since[claim] <= days[row]) & (days[row] <= self.until[claim])
            found.append((row[holds], claim[holds], np.repeat(here, sizes)[holds]))
            above = self.parent[here]
            which, here = which[above >= 0], above[above >= 0].astype(np.int64)
        row, claim, node = (np.concatenate([[], *parts]).astype(np.int64) for parts in _columns(found))
        order = np.argsort(row, kind="stable")
        return row[order], claim[order], node[order]


def no_owners(size: int) -> pl.DataFrame:
    """What `Claims.of` answers where nobody has a claim."""
    return pl.DataFrame(
        {
            name: pl.Series([None], dtype=dtype).new_from_index(0, size)
            for name, dtype in OWNER_COLUMNS.items()
        }
    )


OWNER_COLUMNS = {"owner": pl.String(), "owners": pl.List(pl.String()), "owner_by": pl.String()}


def _columns(found: list[tuple[I64, I64, I64]]) -> tuple[list[I64], list[I64], list[I64]]:
    return [part[0] for part in found], [part[1] for part in found], [part[2] for part in found]


def _inherited(marked: npt.NDArray[np.bool_], parent: I32) -> npt.NDArray[np.bool_]:
    """Marks, and all nodes below a marked one."""
    out, here = marked.copy(), parent.copy()
    while (here >= 0).any():
        known = here >= 0
        out[known] |= marked[here[known]]
        here = np.where(known, parent[here], -1)
    return out
