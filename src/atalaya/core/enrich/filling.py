"""Events with what their feed left empty filled from reference files; a feed's own word stays.

What was filled, and from which kind of file, stands in the column `filled`: "source.asn=asn,source.registry=delegated".
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from atalaya.core.enrich.families import I64, SIXTEEN, Family, sixteen
from atalaya.core.enrich.table import Table
from atalaya.core.pipeline.address import Addresses
from atalaya.core.pipeline.same import Events, Same
from atalaya.core.schema.columns import field_of, polars_schema

KINDS: tuple[str, ...] = ("city", "country", "asn", "delegated", "reverse")
"""Kinds of reference files in the order in which they are asked: the first that knows something is taken."""
NETWORK = "source_network"
AGREES: dict[str, tuple[str, ...]] = {
    "source_as_name": ("source_asn",),
    NETWORK: ("source_asn",),
    "source_geolocation_city": ("source_geolocation_cc",),
    "source_geolocation_latitude": ("source_geolocation_cc", "source_geolocation_city"),
    "source_geolocation_longitude": ("source_geolocation_cc", "source_geolocation_city"),
}
"""Columns that are filled only where the file says the same of these as the event: no city of one country goes into an
event of another. They come before the others in the schema's order or stand in one file."""
ORDER = ("source_geolocation_cc", "source_asn")
"""Columns on which others hang."""


@dataclass(frozen=True)
class References:
    """The compiled files of the node: kind -> table."""

    tables: dict[str, Table]

    def fill(self, events: Events, addresses: Addresses) -> pl.DataFrame:
        """The rows of some events, filled. `addresses` are those of the rows. Without files nothing is done."""
        if not self.tables:
            return events.rows
        filling = _Filling(events, addresses)
        for kind in KINDS:
            if kind in self.tables:
                filling.ask(kind, self.tables[kind])
        return filling.done()


NONE = References({})
"""No file is loaded."""


class _Filling:
    """Some events on their way from file to file."""

    def __init__(self, events: Events, addresses: Addresses) -> None:
        self.rows, self._same, self._addresses = events.rows, events.same, addresses
        self._four = np.flatnonzero(addresses.version == 4)
        self._six = np.flatnonzero(addresses.version == 6)
        self._flags: list[str] = []
        self._filled = np.zeros(self.rows.height, np.uint64)

    def ask(self, kind: str, table: Table) -> None:
        """Fill what one file knows."""
        offered = [
            *table.values.columns,
            *([NETWORK] if len(table.four.lengths) or len(table.six.lengths) else []),
        ]
        wanted = [name for name in offered if self._empty(name) is not None]
        if not wanted:
            return
        node, four, six = self._places(table)
        known = node >= 0
        if not known.any():
            return
        at = pl.Series(np.where(known, node, 0)).set(pl.Series(~known), None)
        found = {name: table.values[name].gather(at) for name in table.values.columns}
        if NETWORK in wanted:
            found[NETWORK] = self._networks(table, four, six, known)
        for name in sorted(wanted, key=lambda one: one not in ORDER):
            self._take(kind, name, found)

    def _empty(self, name: str) -> npt.NDArray[np.bool_] | None:
        """Which rows have nothing in a column; None when all have something."""
        if name in self._same:
            return None
        if name not in self.rows.columns:
            return np.ones(self.rows.height, bool)
        column = self.rows[name]
        return column.is_null().to_numpy() if column.null_count() else None

    def _places(self, table: Table) -> tuple[I64, I64, I64]:
        """The row of values of each event, and the intervals of the IPv4 and IPv6 addresses."""
        node = np.full(self.rows.height, -1)
        there = self._addresses
        four = table.four.places(there.lo[self._four].astype(np.uint32))
        six = table.six.places(sixteen(there.hi[self._six], there.lo[self._six]))
        node[self._four], node[self._six] = table.four.rows(four), table.six.rows(six)
        if len(table.asns.starts) and "source_asn" in self.rows.columns:
            # An AS number's country is that of its holder: it stands in only where there is no address.
            bare = np.flatnonzero(
                (there.version == 0)
                & self.rows["source_asn"].is_between(0, 2**32 - 1).fill_null(False).to_numpy()
            )
            numbers = self.rows["source_asn"][bare].to_numpy().astype(np.uint32)
            node[bare] = table.asns.rows(table.asns.places(numbers))
        return node, four, six

    def _networks(self, table: Table, four: I64, six: I64, known: npt.NDArray[np.bool_]) -> pl.Series:
        """The prefix of the interval that each address falls in."""
        texts: list[str] = []
        index = np.zeros(self.rows.height, np.int64)
        for rows, places, family in ((self._four, four, table.four), (self._six, six, table.six)):
            rows, places = rows[known[rows]], places[known[rows]]
            distinct, back = np.unique(places, return_inverse=True)
            index[rows] = back + len(texts)
            texts += _prefixes(family, distinct)
        at = pl.Series(index).set(pl.Series(~known), None)
        return pl.Series(NETWORK, texts, pl.String()).gather(at)

    def _take(self, kind: str, name: str, found: dict[str, pl.Series]) -> None:
        """Put one column's values where the event has none, and note it."""
        empty = self._empty(name)
        if empty is None:
            return
        new = found[name]
        take = empty & new.is_not_null().to_numpy()
        for other in AGREES.get(name, ()):
            take &= self._agree(other, found.get(other))
        if not take.any():
            return
        chosen = new if take.all() else new.set(pl.Series(~take), None)
        old = [self.rows[name]] if name in self.rows.columns else []
        merged = old[0].zip_with(pl.Series(~take), chosen) if old else chosen
        self.rows = self.rows.with_columns(merged.alias(name))
        self._filled[take] |= np.uint64(1 << len(self._flags))
        self._flags.append(f"{field_of(name)}={kind}")

    def _agree(self, name: str, theirs: pl.Series | None) -> npt.NDArray[np.bool_]:
        """Where the event and the file do not say different things of a column."""
        if theirs is None:
            return np.ones(self.rows.height, bool)
        if name in self._same:
            return (theirs == self._same[name]).fill_null(True).to_numpy()
        if name not in self.rows.columns:
            return np.ones(self.rows.height, bool)
        return (theirs == self.rows[name]).fill_null(True).to_numpy()

    def done(self) -> pl.DataFrame:
        """The rows with `filled`."""
        if not self._flags:
            return self.rows
        distinct, back = np.unique(self._filled, return_inverse=True)
        texts = pl.Series("filled", [self._text(int(flags)) for flags in distinct], pl.String())
        return self.rows.with_columns(texts.gather(back))

    def _text(self, flags: int) -> str | None:
        return ",".join(text for at, text in enumerate(self._flags) if flags >> at & 1) or None


def _prefixes(family: Family, places: I64) -> Iterator[str]:
    starts, lengths = family.starts[places], family.lengths[places]
    if family.starts.dtype == SIXTEEN:
        packed = [bytes(start).ljust(16, b"\0") for start in starts]
        texts = [socket.inet_ntop(socket.AF_INET6, one) for one in packed]
    else:
        texts = [socket.inet_ntoa(one) for one in _quads(starts)]
    return (f"{text}/{length}" for text, length in zip(texts, lengths.tolist(), strict=True))


def _quads(numbers: npt.NDArray[np.uint32]) -> Sequence[bytes]:
    data = numbers.astype(">u4").tobytes()
    return [data[at : at + 4] for at in range(0, len(data), 4)]


def as_received(events: pl.DataFrame) -> pl.DataFrame:
    """The events as their feed told them: without what was filled. Without the column `filled` nothing was."""
    if "filled" not in events.columns or events["filled"].null_count() == events.height:
        return events.drop("filled", strict=False)
    named = events["filled"].drop_nulls().unique().str.split(",").explode().unique()
    fields = {text.partition("=")[0]: text for text in named}
    names = [name for name in polars_schema() if name in events.columns and field_of(name) in fields]
    return events.with_columns(
        pl.when(pl.col("filled").str.contains(f"(?:^|,){field_of(name)}=").fill_null(False))
        .then(None)
        .otherwise(name)
        .alias(name)
        for name in names
    ).drop("filled")


__all__ = ["KINDS", "NONE", "References", "Same", "as_received"]
