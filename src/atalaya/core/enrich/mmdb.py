"""MaxMind DB files (GeoLite2, DB-IP, IPinfo): the search tree as intervals, the records as values.

The format is described at https://maxmind.github.io/MaxMind-DB/. The tree is walked here, a level at a time with whole
columns, because five million networks one by one would take minutes; what the records hold is read by the maxminddb
library, once for each distinct record.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import maxminddb
import numpy as np
import numpy.typing as npt
import polars as pl

from atalaya.core import limits
from atalaya.core.enrich.families import NUMBER, SIXTEEN, U64, Family, nothing, sixteen
from atalaya.core.enrich.table import Table
from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.schema.columns import polars_schema

Nodes = npt.NDArray[np.uint32]
TEXT_CHARS = 200
NEEDED = {"country": "source_geolocation_cc", "city": "source_geolocation_city", "asn": "source_asn"}
"""What a database of each kind must know."""
WORDS = {"country": "countries", "city": "cities", "asn": "AS numbers"}


def _path(*names: str) -> Callable[[Mapping[str, Any]], Any]:
    def get(record: Mapping[str, Any]) -> Any:
        found: Any = record
        for name in names:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    return get


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return "".join(char for char in value if char.isprintable()).strip()[:TEXT_CHARS] or None


def _country(value: Any) -> str | None:
    good = isinstance(value, str) and len(value) == 2 and value.isascii() and value.isalpha()
    return value.upper() if good else None


def _asn(value: Any) -> int | None:
    digits = value[2:] if isinstance(value, str) and value[:2].upper() == "AS" else value
    if isinstance(digits, str):
        digits = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 10 else None
    return digits if isinstance(digits, int) and not isinstance(digits, bool) and 0 < digits < 2**32 else None


def _degrees(most: float) -> Callable[[Any], float | None]:
    def read(value: Any) -> float | None:
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None
        return number if -most <= number <= most else None

    return read


FIELDS: dict[str, tuple[Callable[[Any], Any], tuple[Callable[[Mapping[str, Any]], Any], ...]]] = {
    "source_geolocation_cc": (_country, (_path("country", "iso_code"), _path("country_code"), _path("country"))),
    "source_geolocation_city": (_text, (_path("city", "names", "en"), _path("city"))),
    "source_geolocation_latitude": (_degrees(90), (_path("location", "latitude"), _path("latitude"), _path("lat"))),
    "source_geolocation_longitude": (_degrees(180), (_path("location", "longitude"), _path("longitude"), _path("lng"))),
    "source_asn": (_asn, (_path("autonomous_system_number"), _path("asn"))),
    "source_as_name": (_text, (_path("autonomous_system_organization"), _path("as_name"), _path("name"))),
}  # fmt: skip
"""Column -> how its value is checked, and where MaxMind and DB-IP, then IPinfo, keep it."""


@dataclass(frozen=True)
class Pieces:
    """Disjoint prefixes that cover a family: first address, length, and the record's pointer (0: nothing is known)."""

    hi: U64
    lo: U64
    lengths: npt.NDArray[np.uint8]
    pointers: Nodes


def read(path: Path, kind: str) -> Table:
    """The database compiled. `kind` is country, city or asn. Raises BadInput that says what is wrong and where."""
    if path.stat().st_size > limits.REFERENCE_FILE_BYTES:
        raise TooLarge(f"The database is larger than {limits.REFERENCE_FILE_BYTES} bytes.")
    try:
        with maxminddb.open_database(path) as reader:
            return _compiled(reader, path, kind)
    except (maxminddb.InvalidDatabaseError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(
            f"This is no readable MaxMind database (MMDB): {error}",
            advice="Fetch it again, and unpack it first.",
        ) from error


def _compiled(reader: Any, path: Path, kind: str) -> Table:
    about = reader.metadata()
    four, six = _trees(path, about)
    values, rows = _values(reader, four, six)
    if NEEDED[kind] not in values.columns:
        raise BadInput(
            f"The database {_text(about.database_type) or '?'} has no {WORDS[kind]}.",
            advice="Load it as the kind that it is: country, city or asn.",
        )
    networks = kind == "asn"
    return Table(
        four=_family(four, rows, NUMBER, networks) if four else nothing(NUMBER),
        six=_family(six, rows, SIXTEEN, networks) if six else nothing(SIXTEEN),
        asns=nothing(NUMBER),
        values=values,
        name=_text(about.database_type) or "",
        released=_day(about.build_epoch),
        rows=sum(int((one.pointers > 0).sum()) for one in (four, six) if one),
    )


def _day(epoch: int) -> Any:
    try:
        return datetime.fromtimestamp(epoch, UTC).date()
    except (OverflowError, OSError, ValueError):
        return None


def _trees(path: Path, about: Any) -> tuple[Pieces | None, Pieces | None]:
    """The prefixes of both families, as far as the database has them."""
    size, count = about.record_size, about.node_count
    tree = np.fromfile(path, np.uint8, count=count * size // 4)
    if size not in (24, 28, 32) or len(tree) != count * size // 4:
        raise BadInput(
            f"The database's search tree should have {count} nodes of {size} bits each: it is cut off."
        )
    children = _children(tree.reshape(-1, size // 4), size)
    if about.ip_version == 4:
        return _walked(children, 0, 32, None), None
    start = 0
    for _ in range(96):
        if start >= count:
            break
        start = int(children[start, 0])
    return _walked(children, start, 32, None), _walked(children, 0, 128, start)


_4, _8, _15, _16, _24 = (np.uint32(number) for number in (4, 8, 15, 16, 24))


def _children(tree: npt.NDArray[np.uint8], size: int) -> Nodes:
    """Both records of each node."""
    if size == 32:
        return tree.reshape(-1).view(">u4").astype(np.uint32).reshape(-1, 2)

    def number(*columns: int) -> Nodes:
        high, middle, low = (tree[:, column].astype(np.uint32) for column in columns)
        return high << _16 | middle << _8 | low

    left, right = number(0, 1, 2), number(-3, -2, -1)
    if size == 28:
        both = tree[:, 3].astype(np.uint32)
        left, right = left | both >> _4 << _24, right | (both & _15) << _24
    return np.stack([left, right], axis=1)


def _walked(children: Nodes, root: int, bits: int, leave: int | None) -> Pieces:
    """Every prefix below a node. `leave`: the node of IPv4 in a tree of IPv6, where nothing is said: its addresses are
    those of the other family, and databases point to it from several places."""
    count = len(children)
    nodes, hi, lo = np.array([root], np.uint32), np.zeros(1, np.uint64), np.zeros(1, np.uint64)
    found: list[Pieces] = []
    total = 0
    for depth in range(bits + 1):
        done = nodes >= count
        if leave is not None and depth:
            nodes = np.where(~done & (nodes == leave), np.uint32(count), nodes)
            done = nodes >= count
        total += int(done.sum())
        if total + len(nodes) > limits.REFERENCE_PIECES:
            raise TooLarge(f"The database has more than {limits.REFERENCE_PIECES} networks.")
        pointers = np.where(nodes[done] == count, np.uint32(0), nodes[done])
        found.append(Pieces(hi[done], lo[done], np.full(len(pointers), depth, np.uint8), pointers))
        nodes, hi, lo = nodes[~done], hi[~done], lo[~done]
        if not len(nodes):
            break
        if depth == bits:
            raise BadInput(f"The database's search tree is deeper than the {bits} bits of an address.")
        nodes, hi, lo = _below(children[nodes], hi, lo, bits - 1 - depth)
    return _sorted(found)


def _below(pairs: Nodes, hi: U64, lo: U64, bit: int) -> tuple[Nodes, U64, U64]:
    """The nodes one level down: those on the left keep the address, those on the right have one more bit."""
    one = np.uint64(1 << (bit % 64))
    high, low = (hi | one, lo) if bit >= 64 else (hi, lo | one)
    return pairs.T.reshape(-1), np.concatenate([hi, high]), np.concatenate([lo, low])


def _sorted(parts: list[Pieces]) -> Pieces:
    hi, lo, lengths, pointers = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("hi", "lo", "lengths", "pointers")
    )
    order = np.lexsort((lo, hi))
    return Pieces(hi[order], lo[order], lengths[order], pointers[order])


Rows = tuple[Nodes, npt.NDArray[np.int32]]
"""Pointers, ascending, and the row of values of each."""


def _values(reader: Any, four: Pieces | None, six: Pieces | None) -> tuple[pl.DataFrame, Rows]:
    """What the records say, each distinct answer once."""
    known: dict[tuple[Any, ...], int] = {}
    pointers, rows = [0], [-1]
    for pointer, record in _records(reader, four, six):
        row = tuple(_first(record, *FIELDS[name]) for name in FIELDS) if isinstance(record, Mapping) else ()
        empty = all(value is None for value in row)
        pointers.append(pointer)
        rows.append(-1 if empty else known.setdefault(row, len(known)))
    kinds = {name: polars_schema()[name] for name in FIELDS}
    table = pl.DataFrame(list(known), schema=kinds, orient="row")
    filled = [name for name in FIELDS if table[name].null_count() < table.height]
    numbers = np.array(pointers, np.uint32)
    order = np.argsort(numbers)
    return table.select(filled), (numbers[order], np.array(rows, np.int32)[order])


def _first(
    record: Mapping[str, Any], check: Callable[[Any], Any], paths: tuple[Callable[..., Any], ...]
) -> Any:
    return next((good for path in paths if (good := check(path(record))) is not None), None)


def _records(reader: Any, four: Pieces | None, six: Pieces | None) -> Iterator[tuple[int, Any]]:
    """Every distinct pointer with its record, asked for by an address that leads there."""
    done: set[int] = set()
    for pieces, address in ((four, ipaddress.IPv4Address), (six, ipaddress.IPv6Address)):
        if pieces is None:
            continue
        pointers, at = np.unique(pieces.pointers, return_index=True)
        if len(pointers) + len(done) > limits.REFERENCE_RECORDS:
            raise TooLarge(f"The database has more than {limits.REFERENCE_RECORDS} different records.")
        where = zip(pointers.tolist(), pieces.hi[at].tolist(), pieces.lo[at].tolist(), strict=True)
        for pointer, hi, lo in where:
            if pointer and pointer not in done:
                done.add(pointer)
                yield pointer, reader.get(address(hi << 64 | lo))


def _family(pieces: Pieces, rows: Rows, kind: np.dtype[Any], networks: bool) -> Family:
    nodes = rows[1][np.searchsorted(rows[0], pieces.pointers)]
    starts = pieces.lo.astype(np.uint32) if kind == NUMBER else sixteen(pieces.hi, pieces.lo)
    if networks:
        return Family(starts, nodes, pieces.lengths)
    change = np.ones(len(nodes), bool)
    change[1:] = nodes[1:] != nodes[:-1]
    return Family(starts[change], nodes[change], np.array([], np.uint8))
