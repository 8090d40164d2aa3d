"""Addresses and prefixes in the event table: which sort keys they span, and which rows lie inside."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import partial

import numpy as np
import polars as pl

from atalaya.core.errors import BadInput
from atalaya.core.pipeline.address import parse, signed

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def network(text: str) -> IPNetwork:
    """The network that the text names; an address is one of its own. Raises BadInput for anything else."""
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise BadInput(
            f"{text!r} is neither an address nor a prefix.",
            advice="Write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32.",
        ) from error


def span(of: IPNetwork) -> tuple[int, int]:
    """Lowest and highest `source_ip_key` of a network."""
    low, high = int(of.network_address), int(of.broadcast_address)
    if of.version == 6:
        low, high = low >> 64, high >> 64
    # Signed, the upper half of all numbers comes first: a network of both halves is everything between.
    return (signed(low), signed(high)) if signed(low) <= signed(high) else (signed(1 << 63), (1 << 63) - 1)


def inside(of: IPNetwork) -> Iterator[pl.Expr]:
    """The conditions that together say that `source_ip` lies in a network."""
    yield pl.col("source_ip_key").is_between(*span(of))
    # One signed 64-bit key holds both families: the text says which of them an address is of.
    colon = pl.col("source_ip").str.contains(":", literal=True)
    yield colon if of.version == 6 else ~colon
    if of.num_addresses == 1:
        yield pl.col("source_ip") == str(of.network_address)
    elif of.version == 6 and of.prefixlen > 64:
        yield pl.col("source_ip").map_batches(partial(_within, of), return_dtype=pl.Boolean())


def _within(of: IPNetwork, text: pl.Series) -> pl.Series:
    """Whether each address lies in an IPv6 network longer than /64, which the sort key cannot tell."""
    found = parse(text)
    shift = np.uint64(128 - of.prefixlen)
    half = np.uint64(int(of.network_address) & ((1 << 64) - 1))
    upper = np.uint64(int(of.network_address) >> 64)
    return pl.Series((found.version == 6) & (found.hi == upper) & (found.lo >> shift == half >> shift))


def under(domain: str, column: str = "source_fqdn") -> pl.Expr:
    """Whether a name is this domain or one below it."""
    name = domain.lower().strip(".")
    return (pl.col(column) == name) | pl.col(column).str.ends_with("." + name)
