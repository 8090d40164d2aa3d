"""JSON objects, one a line or as one array of objects: columns of text, and the rest as it is.

Values of the columns that are asked for become text: strings as they are, numbers and Booleans as JSON writes them,
objects and arrays as compact JSON, null as nothing. Everything else of an object stays one JSON object in `__rest`,
with its types. Nested objects are flattened with dots where that makes a column ({"source": {"ip": ...}}).
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Collection, Iterator
from io import BufferedIOBase
from itertools import islice
from typing import Any

import polars as pl

from atalaya.core import limits
from atalaya.core.formats import reasons
from atalaya.core.formats.batch import REST, ROW, Batch, Reject, rejects_table
from atalaya.core.formats.blocks import LineBlocks, Lines
from atalaya.core.formats.opening import Truncated

BATCH_ROWS = 25_000
"""Objects decoded at once: as Python objects they take much more memory than as text."""
READ_BYTES = limits.MIB
BOM = codecs.BOM_UTF8
OWN = "extra."
"""Keys that start so are kept in `__rest` without it."""

Item = tuple[dict[str, Any] | None, str, str]
"""An object, or None with why not; and the start of its text."""


def read(stream: BufferedIOBase, *, columns: Collection[str], first_row: int = 1) -> Iterator[Batch]:
    """Yield the objects of a stream in batches with those of the String columns `columns` that occur, and `__row`.

    `__rest` is there where an object has other keys. What is no JSON object is a reject. An array may stand on one
    line or on many; where one breaks off or is damaged, all that follows is one reject.
    """
    start = _start(stream)
    first = next(iter(start.removeprefix(BOM).lstrip()[:1]), None)
    items = _array(stream, start) if first == ord("[") else lines(stream, start)
    return batches(items, columns=columns, first_row=first_row)


def batches(items: Iterator[Item], *, columns: Collection[str], first_row: int) -> Iterator[Batch]:
    """Batches of records that a reader of any format found, each a row whether it can be read or not."""
    while part := tuple(islice(items, BATCH_ROWS)):
        yield _batch(part, frozenset(columns), first_row)
        first_row += len(part)


def first_keys(start: bytes) -> list[str]:
    """Keys of the first object in the start of a file, nested ones with dots; [] where there is none."""
    text = start.removeprefix(BOM).decode(errors="replace").lstrip(" \t\r\n[")
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return []
    return list(_dotted(value)) if isinstance(value, dict) else []


def _dotted(value: dict[str, Any], before: str = "") -> Iterator[str]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _dotted(inner, f"{before}{key}.")
        yield f"{before}{key}"


def leaves(value: dict[str, Any], before: str = "") -> Iterator[str]:
    """Names of the values of an object that are no objects themselves, nested ones with dots."""
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield from leaves(inner, f"{before}{key}.")
        else:
            yield f"{before}{key}"


def _start(stream: Lines) -> bytes:
    """The first bytes of the stream that are not all blank; b"" where it breaks off at once."""
    start = b""
    while not start.removeprefix(BOM).strip():
        try:
            more = stream.read1(READ_BYTES)
        except Truncated:
            return b""
        if not more:
            break
        start = more
    return start


class Again:
    """A stream with bytes put back before it."""

    def __init__(self, start: bytes, stream: Lines) -> None:
        self._start = start
        self._stream = stream

    def read1(self, size: int) -> bytes:
        if self._start:
            data, self._start = self._start[:size], self._start[size:]
            return data
        return self._stream.read1(size)

    def readline(self, size: int) -> bytes:
        """As a stream's."""
        if not self._start:
            return self._stream.readline(size)
        cut = self._start.find(b"\n") + 1 or len(self._start)
        line, self._start = self._start[: min(cut, size)], self._start[min(cut, size) :]
        if not line.endswith(b"\n") and len(line) < size:
            line += self._stream.readline(size - len(line))
        return line


def lines(stream: Lines, start: bytes = b"") -> Iterator[Item]:
    """One item for each line that is not blank."""
    blocks = LineBlocks(Again(start.removeprefix(BOM), stream))
    for block in blocks:
        for line in block.data.split(b"\n"):
            if line.strip():
                yield item_of(line)
        if block.long_line is not None:
            yield None, reasons.LONG_ROW.format(limit=limits.LINE_BYTES), shown(block.long_line)
    if blocks.cut_off is not None:
        yield None, reasons.TRUNCATED, shown(blocks.cut_off)


def item_of(line: bytes) -> Item:
    raw = shown(line[: 4 * limits.REJECT_RAW_CHARS])
    if len(line) > limits.LINE_BYTES:
        return None, reasons.LONG_ROW.format(limit=limits.LINE_BYTES), raw
    try:
        value = json.loads(line.decode(), parse_constant=refuse)
    except UnicodeDecodeError:
        return None, reasons.UTF8, raw
    except RecursionError:
        return None, reasons.JSON_DEEP, raw
    except ValueError:
        return None, reasons.JSON, raw
    return judged(value, raw, doubtful=b"\\ud" in line or b"\\uD" in line)


def judged(value: Any, raw: str, *, doubtful: bool) -> Item:
    if not isinstance(value, dict):
        return None, reasons.JSON, raw
    if doubtful and not encodes(value):
        return None, reasons.UTF8, raw
    return value, "", raw


def encodes(value: Any) -> bool:
    """Whether the value's text can be written as UTF-8: half a surrogate pair cannot."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def refuse(name: str) -> float:
    """For `parse_constant`: NaN and Infinity are no JSON."""
    raise ValueError(f"{name} is not JSON")


def shown(data: bytes) -> str:
    """The start of a row's text, as a reject keeps it."""
    return data.decode(errors="replace")[: limits.REJECT_RAW_CHARS]


def _array(stream: BufferedIOBase, start: bytes) -> Iterator[Item]:
    """One item for each element of an array; the last one a reject where the array is not whole."""
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    scan = json.JSONDecoder(parse_constant=refuse).raw_decode
    text, ended = decode(start.removeprefix(BOM)).lstrip()[1:], False
    while True:
        text = text.lstrip(" \t\r\n,")
        if text.startswith("]"):
            return
        try:
            value, end = scan(text) if text else (None, 0)
        except (ValueError, RecursionError):
            end = 0
        if end and (end < len(text) or ended):
            yield _element(value, text[:end])
            text = text[end:]
        elif ended or len(text) > limits.LINE_BYTES:
            yield None, reasons.TRUNCATED, text[: limits.REJECT_RAW_CHARS].encode(errors="replace").decode()
            return
        else:
            more = _more(stream)
            ended = not more
            text += decode(more, final=ended)


def _more(stream: BufferedIOBase) -> bytes:
    try:
        return stream.read1(READ_BYTES)
    except Truncated:
        return b""


def _element(value: Any, text: str) -> Item:
    raw = text[: limits.REJECT_RAW_CHARS].encode(errors="replace").decode()
    return judged(value, raw, doubtful=not text.isascii() or "\\ud" in text or "\\uD" in text)


def _batch(items: tuple[Item, ...], columns: frozenset[str], first_row: int) -> Batch:
    parents = frozenset(name.partition(".")[0] for name in columns if "." in name)
    table = _Table(columns, parents)
    rejects = []
    rows = []
    for row, (value, reason, raw) in enumerate(items, first_row):
        if value is None:
            rejects.append(Reject(row, "", reason, raw))
        else:
            table.add(value)
            rows.append(row)
    return Batch(table.frame(rows), rejects_table(rejects))


class _Table:
    """Columns of text that grow object by object, each only as far as it has values."""

    def __init__(self, columns: frozenset[str], parents: frozenset[str]) -> None:
        self._columns = columns
        self._parents = parents
        self._cells: dict[str, list[str | None]] = {}
        self._height = 0

    def add(self, value: dict[str, Any]) -> None:
        """Add one object as a row."""
        rest: dict[str, Any] = {}
        self._flat(value, "", rest)
        if rest:
            self._put(REST, json.dumps(rest, ensure_ascii=False, separators=(",", ":")))
        self._height += 1

    def frame(self, rows: list[int]) -> pl.DataFrame:
        """The table, String columns of equal length and the row numbers."""
        for cells in self._cells.values():
            cells.extend([None] * (self._height - len(cells)))
        schema = dict.fromkeys(self._cells, pl.String())
        return pl.DataFrame({**self._cells, ROW: rows}, schema={**schema, ROW: pl.Int64()})

    def _flat(self, value: dict[str, Any], before: str, rest: dict[str, Any]) -> None:
        for key, inner in value.items():
            name = before + key
            if inner is None:
                continue
            if name in self._columns:
                self._put(name, _as_text(inner))
            elif isinstance(inner, dict) and (before or key in self._parents):
                self._flat(inner, f"{name}.", rest)
            else:
                rest[name.removeprefix(OWN)] = inner

    def _put(self, name: str, text: str) -> None:
        cells = self._cells.setdefault(name, [])
        if len(cells) < self._height:
            cells.extend([None] * (self._height - len(cells)))
        if len(cells) == self._height:
            cells.append(text)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
