"""Prefixes of one address family compiled to disjoint intervals, for longest match by binary search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from atalaya.core.errors import BadInput
from atalaya.core.pipeline.address import U64, Addresses, parse


@dataclass(frozen=True)
class Prefixes:
    """Distinct prefixes, sorted by first address, the shorter one first.

    `starts` are the first addresses of disjoint intervals that cover the family, `nodes` the number of the most
    specific prefix on each (-1: none). IPv4 starts are numbers, IPv6 starts 16 bytes each.
    """

    starts: npt.NDArray[Any]
    nodes: npt.NDArray[np.int64]

    def match(self, addresses: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Number of the most specific prefix around each address, -1 where there is none."""
        if not len(self.starts):
            return np.full(len(addresses), -1)
        # Neighbouring look-ups share cache lines: sorting first is twice as fast as searching at random, and
        # a stable sort costs next to nothing on the events of a run, which come sorted.
        order = np.argsort(addresses, kind="stable")
        place = np.empty(len(addresses), np.int64)
        place[order] = np.searchsorted(self.starts, addresses[order], side="right")
        return np.where(place > 0, self.nodes[place - 1], -1)


def split_prefixes(values: pl.Series) -> tuple[Addresses, npt.NDArray[np.int64]]:
    """First address and length of each prefix; a plain address is a prefix of full length, host bits are cleared.

    Raises BadInput naming a value that is no prefix.
    """
    parts = values.str.splitn("/", 2).struct.unnest()
    try:
        found = parse(parts["field_0"])
        full = np.where(found.version == 6, 128, 32)
        length = parts["field_1"].cast(pl.Int64).fill_null(pl.Series(full)).to_numpy()
        if ((length < 0) | (length > full)).any():
            raise ValueError("length")
    except (ValueError, pl.exceptions.InvalidOperationError) as error:
        raise BadInput(f"One of the prefixes is not a prefix: {values[:3].to_list()} ...") from error
    upper = np.where(found.version == 6, length, 64)
    lower = np.where(found.version == 6, length - 64, length + 32)
    return Addresses(found.version, found.hi & _mask(upper), found.lo & _mask(lower)), length


def _mask(length: npt.NDArray[np.int64]) -> U64:
    """A 64-bit mask of so many leading ones; less than none is none, more than all is all."""
    ones = np.uint64(2**64 - 1)
    zeros = (64 - np.clip(length, 0, 64)).astype(np.uint64)
    return np.where(zeros == 64, np.uint64(0), ones << (zeros % np.uint64(64)))


def nest(first: Sequence[int], last: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
    """Parents of sorted nested ranges, and the disjoint intervals they cut: start and innermost range, -1 for none.

    The input is sorted by first address, an outer range before the ranges in it.
    """
    parents: list[int] = []
    starts: list[int] = []
    inside: list[int] = []
    open_: list[int] = []

    def begin(address: int, node: int) -> None:
        if starts and starts[-1] == address:
            inside[-1] = node
        else:
            starts.append(address)
            inside.append(node)

    def close() -> None:
        begin(last[open_.pop()] + 1, open_[-1] if open_ else -1)

    for node, address in enumerate(first):
        while open_ and last[open_[-1]] < address:
            close()
        parents.append(open_[-1] if open_ else -1)
        begin(address, node)
        open_.append(node)
    while open_:
        close()
    return parents, starts, inside
