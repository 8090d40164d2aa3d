"""Reverse names from a file: two columns, address and name, with or without a header line."""

from __future__ import annotations

import csv
import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from atalaya.core import limits
from atalaya.core.enrich.families import NUMBER, SIXTEEN, nothing, of_ranges
from atalaya.core.enrich.table import Table
from atalaya.core.errors import BadInput, TooLarge

NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
NAME_CHARS = 253


def read(path: Path) -> Table:
    """The file compiled. Of two names for one address the later counts. Raises BadInput with the line that is wrong."""
    if path.stat().st_size > limits.REFERENCE_TEXT_BYTES:
        raise TooLarge(f"The file is larger than {limits.REFERENCE_TEXT_BYTES} bytes.")
    known: dict[int, dict[int, int]] = {4: {}, 6: {}}
    names: dict[str, int] = {}
    count = 0
    for version, address, name in _lines(path):
        count += 1
        if count > limits.REFERENCE_ROWS:
            raise TooLarge(f"The file has more than {limits.REFERENCE_ROWS} rows.")
        known[version][address] = names.setdefault(name, len(names))
    if not count:
        raise BadInput("The file has no address with a name.", advice="Each line is: address,name")
    four, six = known[4], known[6]
    return Table(
        four=of_ranges(list(four), list(four), list(four.values()), NUMBER),
        six=of_ranges(list(six), list(six), list(six.values()), SIXTEEN),
        asns=nothing(NUMBER),
        values=pl.DataFrame({"source_reverse_dns": list(names)}, schema={"source_reverse_dns": pl.String()}),
        rows=count,
    )


def _lines(path: Path) -> Iterator[tuple[int, int, str]]:
    with path.open(encoding="utf-8-sig", errors="strict", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            for cells in reader:
                if cells and not (reader.line_num == 1 and cells[0].strip().lower() in ("address", "ip")):
                    yield _line(cells, reader.line_num)
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadInput(f"Line {reader.line_num + 1} is not CSV in UTF-8: {error}.") from error


def _line(cells: list[str], number: int) -> tuple[int, int, str]:
    if len(cells) < 2:
        raise BadInput(f"Line {number} has no name.", advice="Each line is: address,name")
    try:
        address = ipaddress.ip_address(cells[0].strip())
    except ValueError as error:
        raise BadInput(f"Line {number}: {cells[0][:50]!r} is not an address.") from error
    name = cells[1].strip().rstrip(".").lower()
    if len(name) > NAME_CHARS or not NAME.fullmatch(name):
        raise BadInput(f"Line {number}: {cells[1][:80]!r} is not a name.")
    return address.version, int(address), name
