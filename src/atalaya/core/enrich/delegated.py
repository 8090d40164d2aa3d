"""What the regional registries say: country, registry and day of allocation of addresses and AS numbers.

Two forms are read. "Delegated statistics", as every registry publishes them daily (delegated-lacnic-extended-latest; described
in https://www.apnic.net/about-apnic/corporate-documents/documents/resource-guidelines/rir-statistics-exchange-format/):

    2|lacnic|20260301|...            version line
    lacnic|*|ipv4|*|12345|summary    summary lines
    lacnic|TT|ipv4|190.58.0.0|65536|20070212|allocated|opaque-id

and a country's list of prefixes as JSON ({"countryCode": "BB", "prefixes": {"ipv4": [...], "ipv6": [...]}}).
"""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from atalaya.core import limits
from atalaya.core.enrich.families import NUMBER, SIXTEEN, of_ranges
from atalaya.core.enrich.table import Table
from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.schema.columns import TIME

COUNTRY = re.compile(r"[A-Z]{2}")
REGISTRY = re.compile(r"[a-z]{3,10}")
DAY = re.compile(r"\d{8}")
NOBODYS = frozenset({"available", "reserved"})
COLUMNS: dict[str, Any] = {
    "source_geolocation_cc": pl.String(),
    "source_registry": pl.String(),
    "source_allocated": TIME,
}
Row = tuple[str | None, str | None, datetime | None]


@dataclass
class _Ranges:
    """Ranges of one kind on their way."""

    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    nodes: list[int] = field(default_factory=list)

    def add(self, first: int, last: int, node: int) -> None:
        self.first.append(first)
        self.last.append(last)
        self.nodes.append(node)


@dataclass
class _Draft:
    """A file that is being read."""

    ranges: dict[str, _Ranges] = field(
        default_factory=lambda: {name: _Ranges() for name in ("ipv4", "ipv6", "asn")}
    )
    rows: dict[Row, int] = field(default_factory=dict)
    count: int = 0

    def add(self, kind: str, first: int, last: int, row: Row) -> None:
        self.count += 1
        if self.count > limits.REFERENCE_ROWS:
            raise TooLarge(f"The file has more than {limits.REFERENCE_ROWS} rows.")
        self.ranges[kind].add(first, last, self.rows.setdefault(row, len(self.rows)))

    def table(self, part: str, name: str, released: date | None) -> Table:
        families = {
            target: of_ranges(one.first, one.last, one.nodes, kind)
            for target, one, kind in (
                ("four", self.ranges["ipv4"], NUMBER), ("six", self.ranges["ipv6"], SIXTEEN), ("asns", self.ranges["asn"], NUMBER),
            )
        }  # fmt: skip
        values = pl.DataFrame(list(self.rows), schema=COLUMNS, orient="row")
        return Table(**families, values=values, part=part, name=name, released=released, rows=self.count)


def read(path: Path) -> Table:
    """The file compiled; its `part` is the registry, or the country of a list. Raises BadInput with the line that is wrong."""
    if path.stat().st_size > limits.REFERENCE_TEXT_BYTES:
        raise TooLarge(f"The file is larger than {limits.REFERENCE_TEXT_BYTES} bytes.")
    with path.open("rb") as file:
        start = file.read(64).lstrip()
    if start.startswith(b"{"):
        return _country_list(path)
    return _statistics(path)


def _statistics(path: Path) -> Table:
    draft, registry, released = _Draft(), "", None
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            cells = line.strip().split("|")
            if line.startswith("#") or cells == [""] or cells[-1] == "summary":
                continue
            if not registry:
                registry, released = _version(cells, number)
            else:
                _add(draft, cells, number)
    if not draft.count:
        raise BadInput(
            "The file has no row that says who has what.",
            advice="Load a file of delegated statistics of a registry.",
        )
    return draft.table(registry, registry, released)


def _version(cells: list[str], number: int) -> tuple[str, date | None]:
    if len(cells) < 6 or not re.fullmatch(r"\d+(\.\d+)?", cells[0]) or not REGISTRY.fullmatch(cells[1]):
        raise BadInput(
            f"Line {number} is not the version line of delegated statistics (2|lacnic|...).",
            advice="Load delegated-REGISTRY-extended-latest as the registry publishes it.",
        )
    moment = _day(cells[2])
    return cells[1], moment.date() if moment else None


def _day(text: str) -> datetime | None:
    if not DAY.fullmatch(text) or text == "00000000":
        return None
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _add(draft: _Draft, cells: list[str], number: int) -> None:
    if len(cells) < 7 or cells[2] not in draft.ranges or not REGISTRY.fullmatch(cells[0]):
        raise BadInput(f"Line {number} is not a row of delegated statistics: {'|'.join(cells)[:80]!r}.")
    if cells[6] in NOBODYS:
        return
    try:
        first, last = _range(cells[2], cells[3], cells[4])
    except ValueError as error:
        raise BadInput(
            f"Line {number}: {cells[3][:50]!r} with {cells[4][:20]!r} is no range of {cells[2]}."
        ) from error
    country = cells[1] if COUNTRY.fullmatch(cells[1]) and cells[1] != "ZZ" else None
    draft.add(cells[2], first, last, (country, cells[0], _day(cells[5])))


def _range(kind: str, start: str, size: str) -> tuple[int, int]:
    """First and last number. IPv4 and AS numbers come with a count, IPv6 with the length of its prefix."""
    if not (size.isascii() and size.isdigit()):
        raise ValueError("size")
    if kind == "ipv6":
        network = ipaddress.IPv6Network(f"{start}/{int(size)}")
        return int(network.network_address), int(network.broadcast_address)
    first = int(ipaddress.IPv4Address(start)) if kind == "ipv4" else _number(start)
    last = first + int(size) - 1
    if not first <= last < 2**32:
        raise ValueError("size")
    return first, last


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise ValueError("number")
    return int(text)


def _country_list(path: Path) -> Table:
    try:
        document = json.loads(path.read_bytes())
        country, prefixes = document["countryCode"], document["prefixes"]
        wanted = [(kind, str(text)) for kind in ("ipv4", "ipv6") for text in prefixes.get(kind, [])]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(
            "The JSON file has no countryCode and prefixes: it is no country's address list."
        ) from error
    if not isinstance(country, str) or not COUNTRY.fullmatch(country):
        raise BadInput(f"The countryCode {str(country)[:20]!r} is not a country's code.")
    draft = _Draft()
    for kind, text in wanted:
        try:
            network = ipaddress.ip_network(text)
        except ValueError as error:
            raise BadInput(f"In prefixes.{kind}, {text[:50]!r} is not a prefix.") from error
        if f"ipv{network.version}" != kind:
            raise BadInput(f"In prefixes.{kind}, {text[:50]!r} is of the other family.")
        draft.add(kind, int(network.network_address), int(network.broadcast_address), (country, None, None))
    if not draft.count:
        raise BadInput("The country's address list has no prefixes.")
    return draft.table(country.lower(), country, None)
