"""Addresses as numbers, a column at a time: what sorting, matching and identity work on."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

U64 = npt.NDArray[np.uint64]
U8 = npt.NDArray[np.uint8]

_DOT = ord(".")
_SIGN = 1 << 63


@dataclass(frozen=True)
class Addresses:
    """A column of addresses. IPv4 has hi = 0 and the number in lo; no address has version 0."""

    version: U8
    hi: U64
    lo: U64

    def keys(self) -> pl.Series:
        """Sort key of each address (schema column source.ip_key), null where there is none."""
        number = pl.Series("source_ip_key", self._numbers())
        nothing = self.version == 0
        return number.set(pl.Series(nothing), None) if nothing.any() else number

    def take(self, rows: npt.NDArray[np.int64]) -> Addresses:
        """The addresses of some rows, in their order."""
        return Addresses(self.version[rows], self.hi[rows], self.lo[rows])

    def order(self, wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """The wanted rows, sorted by key; those with the same key come in no order."""
        rows = np.flatnonzero(wanted)
        return rows[np.argsort(self._numbers()[rows])]

    def _numbers(self) -> npt.NDArray[np.int64]:
        return np.where(self.version == 6, self.hi, self.lo).view(np.int64)


def no_addresses(size: int) -> Addresses:
    """So many rows without an address."""
    return Addresses(np.zeros(size, np.uint8), np.zeros(size, np.uint64), np.zeros(size, np.uint64))


def parse(text: pl.Series) -> Addresses:
    """Canonical IPv4 or IPv6 texts (as the feeds' casts leave them), nulls allowed, as numbers.

    Raises ValueError for a text that is not an address.
    """
    out = no_addresses(len(text))
    six = text.str.contains(":", literal=True)
    for version, mask, read in ((4, ~six, _v4), (6, six, _v6)):
        if not mask.any():
            continue
        rows = mask.fill_null(False).to_numpy()
        hi, lo = read(text if rows.all() else text.filter(mask))
        out.version[rows], out.hi[rows], out.lo[rows] = version, hi, lo
    return out


def signed(number: int) -> int:
    """An unsigned 64-bit number in two's complement, as Delta and Parquet hold it."""
    return number - (1 << 64) if number >= _SIGN else number


def _octet_table() -> npt.NDArray[np.uint64]:
    """Octet by the low half-bytes of its last three characters; a dot's half-byte is 14 and ends the number."""
    table = np.zeros(4096, np.uint64)
    for value in range(1000):
        hundreds, tens, ones = value // 100, value // 10 % 10, value % 10
        table[ones << 8 | tens << 4 | hundreds] = value
    for value in range(100):
        table[value % 10 << 8 | value // 10 << 4 | 14] = value
    for value in range(10):
        for before in range(16):
            table[value << 8 | 14 << 4 | before] = value
    return table


_OCTETS = _octet_table()


def _v4(text: pl.Series) -> tuple[U64, U64]:
    data = b"..." + text.str.join(".").item().encode() + b"."
    chars = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(chars == _DOT)[3:]
    if len(ends) != 4 * len(text):
        raise ValueError("a text in the column is not an IPv4 address")
    half = chars & 15
    index = half.take(ends - 3) | (half.take(ends - 2) << 4)
    octets = _OCTETS.take(index | half.take(ends - 1).astype(np.uint16) << 8).reshape(-1, 4)
    number = octets[:, 0] << 24 | octets[:, 1] << 16 | octets[:, 2] << 8 | octets[:, 3]
    return np.zeros(len(text), np.uint64), number.astype(np.uint64, copy=False)


def _v6(text: pl.Series) -> tuple[U64, U64]:
    distinct = text.unique()
    packed = b"".join(_pack(address) for address in distinct)
    halves = np.frombuffer(packed, ">u8").astype(np.uint64).reshape(-1, 2)
    known = pl.DataFrame({"text": distinct, "hi": halves[:, 0], "lo": halves[:, 1]})
    found = pl.DataFrame({"text": text}).join(known, on="text", how="left", maintain_order="left")
    return found["hi"].to_numpy(), found["lo"].to_numpy()


def _pack(address: str) -> bytes:
    try:
        return socket.inet_pton(socket.AF_INET6, address)
    except OSError:
        # A zone ("fe80::1%eth0") is a legal text that inet_pton does not know.
        return ipaddress.IPv6Address(address).packed
