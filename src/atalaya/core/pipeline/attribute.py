"""Whose is it? Events joined with the networks that organisations have registered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from atalaya.core.errors import BadInput
from atalaya.core.pipeline.address import Addresses, parse
from atalaya.core.pipeline.claims import I32, Claim, Claims, claims_frame, no_owners
from atalaya.core.pipeline.prefixes import Prefixes, nest, split_prefixes

_LABELS = 127
"""A domain name cannot have more labels."""


@dataclass(frozen=True)
class Networks:
    """Registered prefixes, domains and ASNs, compiled for matching whole columns.

    The most specific prefix decides; where no prefix is known, the longest domain suffix; then the ASN. All claims are
    listed, in that order. A claim counts on the days on which it is valid.
    """

    four: Prefixes
    six: Prefixes
    prefix_claims: Claims
    domains: pl.DataFrame
    domain_claims: Claims
    asns: npt.NDArray[np.int64]
    asn_claims: Claims

    @classmethod
    def build(
        cls, prefixes: Iterable[Claim] = (), asns: Iterable[Claim] = (), domains: Iterable[Claim] = ()
    ) -> Networks:
        """Compile claims: (value, owner's UUID, first day or None, last day or None).

        Values are 192.0.2.0/24 or 2001:db8::/32, AS64500 or 64500, example.org. Raises BadInput for a bad one.
        """
        four, six, prefix_claims = _compile_prefixes(claims_frame(prefixes))
        names, domain_claims = _compile_domains(claims_frame(domains))
        numbers, asn_claims = _compile_asns(claims_frame(asns))
        return cls(four, six, prefix_claims, names, domain_claims, numbers, asn_claims)

    def of_addresses(self, addresses: Addresses, day: I32) -> pl.DataFrame:
        """Owner columns by prefix."""
        node = np.full(len(day), -1)
        four, six = np.flatnonzero(addresses.version == 4), np.flatnonzero(addresses.version == 6)
        node[four] = self.four.match(addresses.lo[four])
        node[six] = self.six.match(_sixteen_bytes(addresses.hi[six], addresses.lo[six]))
        return self.prefix_claims.of(node, day)

    def of_domains(self, fqdn: pl.Series, day: I32) -> pl.DataFrame:
        """Owner columns by the longest registered suffix, whole labels only."""
        rows = pl.DataFrame({"fqdn": fqdn})
        rest = rows.drop_nulls().unique().with_columns(name="fqdn")
        found: list[pl.DataFrame] = []
        for _ in range(_LABELS):
            if rest.is_empty():
                break
            rest = rest.join(self.domains, on="name", how="left")
            found.append(rest.filter(pl.col("node").is_not_null()).select("fqdn", "node"))
            shorter = pl.col("name").str.splitn(".", 2).struct.field("field_1")
            rest = rest.filter(pl.col("node").is_null()).select("fqdn", name=shorter).drop_nulls()
        known = pl.concat([pl.DataFrame(schema={"fqdn": pl.String, "node": pl.Int64}), *found])
        nodes = rows.join(known, on="fqdn", how="left", maintain_order="left")["node"].fill_null(-1)
        return self.domain_claims.of(nodes.to_numpy(), day)

    def of_asns(self, asn: pl.Series, day: I32) -> pl.DataFrame:
        """Owner columns by autonomous system."""
        numbers = asn.fill_null(-1).to_numpy()
        place = np.searchsorted(self.asns, numbers)
        hit = np.append(self.asns, -2)[place] == numbers
        return self.asn_claims.of(np.where(hit, place, -1), day)


def attribute(
    events: pl.DataFrame, networks: Networks, *, addresses: Addresses | None = None
) -> pl.DataFrame:
    """Events with owner, owners and owner_by filled in. Needs `day`; source_ip, source_fqdn and source_asn may lack.

    `addresses` spares reading source_ip again.
    """
    day = events["day"].cast(pl.Int32).to_numpy()
    found: list[pl.DataFrame] = []
    if "source_ip" in events.columns and len(networks.prefix_claims.names):
        found.append(networks.of_addresses(addresses or parse(events["source_ip"]), day))
    if "source_fqdn" in events.columns and len(networks.domains):
        found.append(networks.of_domains(events["source_fqdn"], day))
    if "source_asn" in events.columns and len(networks.asns):
        found.append(networks.of_asns(events["source_asn"], day))
    return events.with_columns(_merge(found, events.height))


def _merge(found: list[pl.DataFrame], size: int) -> pl.DataFrame:
    """One set of owner columns: the first kind of network with a claim decides, all claims are listed."""
    if not found:
        return no_owners(size)
    merged, *others = found
    for other in others:
        merged = _then(merged, other)
    return merged


def _then(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """Owners of two kinds of network on the same events: the first kind decides where it has a claim."""
    size = first.height
    mine, theirs = first["owner"].is_not_null().to_numpy(), second["owner"].is_not_null().to_numpy()
    take = np.where(mine | ~theirs, 0, size) + np.arange(size)
    merged = pl.concat([first, second])[take]
    both = np.flatnonzero(mine & theirs)
    if not len(both):
        return merged
    lists = first["owners"][both].list.concat(second["owners"][both]).list.unique(maintain_order=True)
    take = np.arange(size)
    take[both] = size + np.arange(len(both))
    return merged.with_columns(pl.concat([merged["owners"], lists])[take])


def _compile_prefixes(claims: pl.DataFrame) -> tuple[Prefixes, Prefixes, Claims]:
    first, length = split_prefixes(claims["value"])
    # Sorting by (family, first address, length) puts an outer prefix before the ones in it.
    order = np.lexsort((length, first.lo, first.hi, first.version))
    rows = np.stack([first.version.astype(np.uint64), first.hi, first.lo, length.astype(np.uint64)])[:, order]
    new = np.ones(len(order), bool)
    new[1:] = (rows[:, 1:] != rows[:, :-1]).any(axis=0)
    node = np.empty(len(order), np.int64)
    node[order] = np.cumsum(new) - 1
    version, hi, lo, plen = rows[:, new]
    parents, families, base = [], [], 0
    for family, bits in ((4, 32), (6, 128)):
        mine = version == family
        starts = _numbers(hi[mine], lo[mine])
        ends = [
            start | (1 << (bits - size)) - 1 for start, size in zip(starts, plen[mine].tolist(), strict=True)
        ]
        above, cuts, inside = nest(starts, ends)
        parents += [up + base if up >= 0 else -1 for up in above]
        families.append(_intervals(cuts, inside, bits, base))
        base += len(starts)
    names = claims["value"][order[new]] if len(order) else claims["value"]
    return families[0], families[1], Claims.build(names, np.array(parents, np.int32), node, claims)


def _numbers(hi: npt.NDArray[np.uint64], lo: npt.NDArray[np.uint64]) -> list[int]:
    return [high << 64 | low for high, low in zip(hi.tolist(), lo.tolist(), strict=True)]


def _intervals(cuts: list[int], inside: list[int], bits: int, base: int) -> Prefixes:
    if cuts and cuts[-1] >> bits:
        cuts, inside = cuts[:-1], inside[:-1]
    nodes = np.array([node + base if node >= 0 else -1 for node in inside], np.int64)
    if bits == 32:
        return Prefixes(np.array(cuts, np.uint64), nodes)
    return Prefixes(np.array([cut.to_bytes(16, "big") for cut in cuts], "S16"), nodes)


def _sixteen_bytes(hi: npt.NDArray[np.uint64], lo: npt.NDArray[np.uint64]) -> npt.NDArray[np.bytes_]:
    """128-bit numbers as big-endian bytes, which compare as the numbers do."""
    return np.stack([hi, lo], axis=1).astype(">u8").view("S16").reshape(-1)


def _compile_domains(claims: pl.DataFrame) -> tuple[pl.DataFrame, Claims]:
    text = claims["value"].str.to_lowercase().str.strip_chars(".")
    names = text.unique(maintain_order=True)
    number = {name: node for node, name in enumerate(names)}
    parent = np.array([_above(name, number) for name in names], np.int32)
    node = np.array([number[name] for name in text], np.int64)
    table = pl.DataFrame({"name": names, "node": pl.Series(range(len(names)), dtype=pl.Int64)})
    return table, Claims.build(names, parent, node, claims)


def _above(name: str, number: dict[str, int]) -> int:
    while "." in name:
        name = name.split(".", 1)[1]
        if name in number:
            return number[name]
    return -1


def _compile_asns(claims: pl.DataFrame) -> tuple[npt.NDArray[np.int64], Claims]:
    digits = claims["value"].str.to_uppercase().str.strip_prefix("AS")
    try:
        values = digits.cast(pl.Int64).to_numpy()
    except pl.exceptions.InvalidOperationError as error:
        raise BadInput("One of the ASNs is not a number.", advice="Write AS64500.") from error
    numbers, node = np.unique(values, return_inverse=True)
    names = pl.Series("owner_by", [f"AS{number}" for number in numbers.tolist()], dtype=pl.String)
    return numbers, Claims.build(names, np.full(len(numbers), -1, np.int32), node.astype(np.int64), claims)
