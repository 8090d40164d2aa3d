"""Ranges of numbers (addresses of one family, or AS numbers) as sorted disjoint intervals, searched a column at a time."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

NUMBER = np.dtype(np.uint32)
"""IPv4 addresses and AS numbers."""
SIXTEEN = np.dtype("S16")
"""IPv6 addresses: sixteen bytes, which compare as the numbers do."""


@dataclass(frozen=True)
class Family:
    """`starts`: first number of each interval, ascending (NUMBER or SIXTEEN). `nodes`: the row of the table of values that
    holds from there to the next start, -1 for none. `lengths`: the length of the interval as a prefix, where networks
    are asked for; otherwise empty."""

    starts: npt.NDArray[Any]
    nodes: I32
    lengths: npt.NDArray[np.uint8]

    def places(self, numbers: npt.NDArray[Any]) -> I64:
        """The interval that each number falls in; -1 before the first."""
        # Neighbouring look-ups share cache lines; the events of a run come sorted, and sorting them again is cheap.
        order = np.argsort(numbers, kind="stable")
        found = np.empty(len(numbers), np.int64)
        found[order] = np.searchsorted(self.starts, numbers[order], side="right")
        return found - 1

    def rows(self, places: I64) -> I64:
        """The row of values of each interval, -1 for none."""
        if not len(self.starts):
            return np.full(len(places), -1)
        return np.where(places >= 0, self.nodes[places], -1).astype(np.int64)


def nothing(kind: np.dtype[Any]) -> Family:
    """A family that knows nothing."""
    return Family(np.array([], kind), np.array([], np.int32), np.array([], np.uint8))


def of_ranges(first: Sequence[int], last: Sequence[int], nodes: Sequence[int], kind: np.dtype[Any]) -> Family:
    """Ranges of whole numbers, both ends included, which may lie in or over each other: the smallest one that holds a
    number decides, of equal ones the later."""
    order = sorted(range(len(first)), key=first.__getitem__)
    cuts = sorted({*first, *(end + 1 for end in last)})
    open_: list[tuple[int, int]] = []
    starts: list[int] = []
    inside: list[int] = []
    at = 0
    for cut in cuts:
        while at < len(order) and first[order[at]] == cut:
            one = order[at]
            heapq.heappush(open_, (last[one] - cut, -one))
            at += 1
        while open_ and last[-open_[0][1]] < cut:
            heapq.heappop(open_)
        node = nodes[-open_[0][1]] if open_ else -1
        if not inside or inside[-1] != node:
            starts.append(cut)
            inside.append(node)
    return _family(starts, inside, kind)


def _family(starts: list[int], inside: list[int], kind: np.dtype[Any]) -> Family:
    most = 1 << (32 if kind == NUMBER else 128)
    if starts and starts[-1] >= most:
        starts, inside = starts[:-1], inside[:-1]
    told = starts if kind == NUMBER else [start.to_bytes(16, "big") for start in starts]
    return Family(np.array(told, kind), np.array(inside, np.int32), np.array([], np.uint8))


def sixteen(hi: U64, lo: U64) -> npt.NDArray[np.bytes_]:
    """128-bit numbers as sixteen big-endian bytes each."""
    return np.stack([hi, lo], axis=1).astype(">u8").view("S16").reshape(-1)
