"""Look at a sample of an unknown feed and say what it is: its format, its columns, and where each may belong."""

from __future__ import annotations

import csv as stdcsv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from atalaya.core import limits
from atalaya.core.errors import BadInput
from atalaya.core.feeds.casts import CASTS, natural
from atalaya.core.formats import comments, csv, jsonlines, lists, reader
from atalaya.core.formats.batch import REST, ROW
from atalaya.core.formats.shape import Shape

ROWS = 200
"""Rows of a sample that are looked at."""
DELIMITERS = (",", ";", "\t", "|")
GOOD = 0.8
"""Share of the values that a cast must take."""

NAMES: dict[str, str] = {
    "source.ip": "ip srcip sourceip ipaddress ipaddr address addr host_ip hostip ipv4 ipv6 clientip remoteip saddr ip_address src attackerip dstipv4",
    "destination.ip": "dstip destip destinationip targetip daddr serverip dst",
    "source.port": "port srcport sourceport sport",
    "destination.port": "dstport destport destinationport dport targetport",
    "source.network": "network cidr prefix netblock subnet",
    "source.asn": "asn as asnumber sourceasn srcasn autonomoussystem",
    "source.as_name": "asname asorg asnname isp organization asdescription",
    "source.geolocation.cc": "cc country countrycode geo sourcecc geocc",
    "source.geolocation.city": "city",
    "source.geolocation.region": "region",
    "source.fqdn": "fqdn domain domainname host hostname dnsname",
    "source.reverse_dns": "reversedns ptr rdns",
    "source.url": "url uri link phishurl",
    "source.account": "account email user username login mail",
    "source.abuse_contact": "abusecontact abuse abuseemail",
    "destination.fqdn": "dstdomain desthost destinationdomain targethost ccdns",
    "time.source": "time timestamp date datetime seen firstseen lastseen dateadded detected timedetected eventtime eventdate reported created observed firstseenutc lastseenutc starttime detecttime",
    "malware.name": "malware family malwarefamily infection bot botnet threatname malwarename virus",
    "malware.hash.md5": "md5 md5hash", "malware.hash.sha1": "sha1 sha1hash", "malware.hash.sha256": "sha256 sha256hash",
    "protocol.transport": "protocol proto transport", "protocol.application": "application app service",
    "classification.identifier": "identifier signature rule alert threat category",
    "event_description.text": "description comment message msg reason note notes text details",
    "event_description.url": "reference referenceurl moreinfo",
    "product.name": "product", "product.vendor": "vendor", "product.version": "version",
    "product.vulnerabilities": "cve cves vulnerability vulnerabilities",
    "severity": "severity", "tlp": "tlp", "status": "status state", "feed.accuracy": "confidence accuracy score",
}  # fmt: skip
"""Field -> names of columns that mean it, without blanks and signs."""
BY_NAME = {name.replace("_", ""): field for field, names in NAMES.items() for name in names.split()}
CAST_OF = {"product.vulnerabilities": "cve"}
CONTENT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ip", ("source.ip", "destination.ip")),
    ("network", ("source.network",)),
    ("url", ("source.url",)),
    ("sha256", ("malware.hash.sha256",)),
    ("sha1", ("malware.hash.sha1",)),
    ("md5", ("malware.hash.md5",)),
    ("time", ("time.source",)),
    ("fqdn", ("source.fqdn",)),
)
"""Cast -> fields that a column is offered whose values it takes, the first one that is free."""
OTHER_CASTS: dict[str, tuple[str, ...]] = {
    "time": ("epoch", "epoch_ms"),
    "ip": ("ip_in",),
    "fqdn": ("name_in",),
}
"""Casts to try where the one of the field does not take the values."""


@dataclass(frozen=True)
class Column:
    """A column of a sample: its name, where it may go (`extra` or a field), by which cast, and some of its values."""

    name: str
    field: str
    cast: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Guess:
    """What a sample seems to be."""

    shape: Shape
    columns: tuple[Column, ...]
    rows: int


def guess(sample: bytes) -> Guess:
    """Say what `sample`, the start of a file, seems to be. Raises BadInput where nothing can be made of it."""
    text = sample.removeprefix(csv.BOM).decode(errors="replace").replace("\r\n", "\n")
    if not text.strip():
        raise BadInput("The sample is empty.", advice="Paste some lines of the file.")
    shape = _shape(text)
    return Guess(shape, tuple(columns(sample, shape)), _count(sample, shape))


def _shape(text: str) -> Shape:
    start = text.lstrip()
    if start.startswith("{") or re.match(r"\[\s*\{", start):
        return _objects(start)
    if start.startswith("<"):
        raise BadInput(
            "The sample is XML.", advice="Which elements are rows cannot be guessed: write a declaration."
        )
    lines = [line for line in text.split("\n") if line.strip()]
    comment = "#" if any(line.startswith("#") for line in lines) else ""
    rows = [line for line in lines if not line.startswith("#")][:ROWS]
    delimiter = _delimiter(rows)
    if not delimiter:
        return Shape(format="list")
    blanks = any(f"{delimiter} " in line or f" {delimiter}" in line for line in rows[:20])
    shape = Shape(delimiter=delimiter, comment=comment, blanks=blanks)
    return _with_header(shape, lines, rows)


def _objects(text: str) -> Shape:
    """JSON lines, an array, or one document with the rows in its longest list of objects."""
    if text.startswith("["):
        return Shape(format="jsonlines")
    try:
        document, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise BadInput("The sample is not whole JSON.", advice="Paste whole objects.") from error
    path = _longest(document)
    if text[end:].strip() or not path:
        return (
            Shape(format="jsonlines")
            if text[end:].strip() or "\n" not in text[:end]
            else Shape(format="json")
        )
    return Shape(format="json", records=path)


def _longest(document: dict[str, Any]) -> str:
    """Path to the longest list of objects at the first or second level; "" where there is none."""
    found: dict[str, int] = {}
    for key, value in document.items():
        inner = value.items() if isinstance(value, dict) else ()
        for path, one in [(key, value), *((f"{key}.{name}", item) for name, item in inner)]:
            if isinstance(one, list) and one and all(isinstance(item, dict) for item in one):
                found[path] = len(one)
    return max(found, key=lambda path: found[path], default="")


def _delimiter(rows: Sequence[str]) -> str:
    """The delimiter that cuts the rows into the same number of cells, more than one; "" for a list."""
    best, most = "", 0.0
    for delimiter in DELIMITERS:
        counts = _cells(rows, delimiter)
        usual = max(set(counts), key=counts.count, default=1)
        share = counts.count(usual) / max(len(counts), 1)
        if usual > 1 and share >= GOOD and share * usual > most:
            best, most = delimiter, share * usual
    return best


def _cells(rows: Sequence[str], delimiter: str) -> list[int]:
    """How many cells each row has; none where this is no CSV."""
    try:
        return [len(row) for row in stdcsv.reader(rows, delimiter=delimiter)]
    except stdcsv.Error:
        return []


def _with_header(shape: Shape, lines: Sequence[str], rows: Sequence[str]) -> Shape:
    first = next(stdcsv.reader(rows[:1], delimiter=shape.delimiter, skipinitialspace=shape.blanks), [])
    if not _looks_like_values(first):
        return shape
    told = comments.header([line for line in lines if line.startswith("#")], shape) if shape.comment else []
    if len(told) == len(first):
        return Shape(delimiter=shape.delimiter, comment="#", blanks=shape.blanks, header_in_comment=True)
    names = tuple(f"column_{number}" for number in range(1, len(first) + 1))
    return Shape(delimiter=shape.delimiter, comment=shape.comment, blanks=shape.blanks, header=names)


def _looks_like_values(cells: Iterable[str]) -> bool:
    """Whether a line has values and no names: a cell is an address, a time, a URL or a number."""
    column = pl.Series([cell.strip() for cell in cells], dtype=pl.String())
    return any(
        CASTS[name].function(column).is_not_null().any()
        for name in ("ip", "network", "time", "url", "float", "sha256")
    )


def columns(sample: bytes, shape: Shape) -> list[Column]:
    """The columns of a sample with where each may go; a field is offered once."""
    taken: set[str] = set()
    return [_column(name, values, taken) for name, values in _values(sample, shape).items()]


def _values(sample: bytes, shape: Shape) -> dict[str, pl.Series]:
    """Column -> its values in the sample, without empty ones."""
    names = _keys(sample, shape) if shape.objects else []
    batch = next(iter(reader.read(io.BytesIO(sample), shape, columns=names)), None)
    if batch is None or not batch.rows.height:
        raise BadInput(
            "No row of the sample can be read.",
            advice="Paste whole lines, with the one that names the columns.",
        )
    table = batch.rows.head(ROWS)
    order = [name for name in (names or table.columns) if name in table.columns and name not in (ROW, REST)]
    found = {name: table[name].filter(table[name].is_not_null() & (table[name] != "")) for name in order}
    if shape.format == "list":
        found = {name: values for name, values in found.items() if name == lists.VALUE or len(values)}
    return found


def _keys(sample: bytes, shape: Shape) -> list[str]:
    """Keys of the objects in a sample, nested ones with dots."""
    found: dict[str, None] = {}
    for batch in reader.read(io.BytesIO(sample), shape, columns=[]):
        rest: Iterable[str] = batch.rows[REST].drop_nulls().head(ROWS) if REST in batch.rows.columns else []
        for text in rest:
            found |= dict.fromkeys(jsonlines.leaves(json.loads(text)))
        break
    return list(found)[: limits.FEED_COLUMNS]


def _column(name: str, values: pl.Series, taken: set[str]) -> Column:
    shown = tuple(str(value)[:80] for value in values.unique(maintain_order=True).head(3))
    field, cast = _by_name(name, values) or _by_content(values, taken) or ("extra", "text")
    if field in taken:
        other = (
            field.replace("source.", "destination.")
            if field in ("source.ip", "source.port", "source.fqdn")
            else ""
        )
        field, cast = (other, cast) if other and other not in taken else ("extra", "text")
    taken.add(field)
    return Column(name, field, cast, shown)


def _by_name(name: str, values: pl.Series) -> tuple[str, str] | None:
    plain = re.sub(r"[^a-z0-9]", "", name.rpartition(".")[2].lower())
    field = BY_NAME.get(re.sub(r"[^a-z0-9]", "", name.lower())) or BY_NAME.get(plain)
    if field is None:
        return None
    first = CAST_OF.get(field, natural(field))
    fits = [cast for cast in (first, *OTHER_CASTS.get(first, ())) if _takes(cast, values)]
    return (field, fits[0]) if fits else None


def _by_content(values: pl.Series, taken: set[str]) -> tuple[str, str] | None:
    for cast, fields in CONTENT:
        if len(values) and _takes(cast, values):
            return next(((field, cast) for field in fields if field not in taken), None)
    return None


def _takes(cast: str, values: pl.Series) -> bool:
    if not len(values) or cast in ("text", "lower"):
        return True
    return float(CASTS[cast].function(values).is_not_null().mean() or 0) >= GOOD  # type: ignore[arg-type]


def _count(sample: bytes, shape: Shape) -> int:
    return sum(
        batch.rows.height + batch.rejects.height
        for batch in reader.read(io.BytesIO(sample), shape, columns=[])
    )
