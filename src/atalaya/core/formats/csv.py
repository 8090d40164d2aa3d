"""Comma-separated values: plain lines by a fast reader, every odd line by a lenient one, nothing lost.

A cell is what Python's csv module makes of it. Rows are numbered by record: the header is row 0, blank lines
do not count, a record with line feeds in its cells counts once.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import BufferedIOBase

import numpy as np
import polars as pl

from atalaya.core import limits
from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.formats import reasons
from atalaya.core.formats.batch import ROW, Batch, Reject, rejects_table
from atalaya.core.formats.blocks import Block, LineBlocks
from atalaya.core.formats.lenient import Lenient, OddLines
from atalaya.core.formats.opening import Truncated
from atalaya.core.formats.quoting import Lines, Positions, look
from atalaya.core.formats.text import text_of

BOM = b"\xef\xbb\xbf"

MOST_LINES = 250_000
"""Lines of one batch: very short ones take much more memory as rows than as text."""


def read(
    stream: BufferedIOBase, *, first_row: int = 1, delimiter: str = ",", block_bytes: int = limits.BATCH_BYTES,
    names: Sequence[str] | None = None,
) -> Iterator[Batch]:  # fmt: skip
    """Yield the records of a CSV stream in batches of about `block_bytes` of text, the first line naming the columns.

    Where `names` are given, they name the columns and the first line is a row.
    Rows that cannot be read are rejects with number, reason and the start of their text. Raises BadInput where there
    is no usable header, TooLarge where it has too many columns or the stream is over its budget.
    """
    columns = _names(names) if names else header(_first_line(stream), delimiter)
    reader = _Reader(columns, delimiter, first_row)
    blocks = LineBlocks(stream, size=block_bytes)
    for block in blocks:
        yield from reader.block(block)
    if blocks.cut_off is not None:
        yield reader.cut_off(blocks.cut_off)


def _first_line(stream: BufferedIOBase) -> bytes:
    """The first line that is not blank. Raises BadInput where there is none."""
    line = b"\n"
    while line and not line.removeprefix(BOM).strip():
        try:
            line = stream.readline(limits.LINE_BYTES + 1)
        except Truncated:
            break
    if not line.removeprefix(BOM).strip():
        raise BadInput("The file is empty.", advice="Its first line must name the columns.")
    return line


def header(line: bytes, delimiter: str = ",") -> list[str]:
    """Column names of a header line, each different: the second `a` becomes `a_2`, a nameless third `column_3`.

    Raises BadInput for a line that is not text or has no name, TooLarge for too many columns.
    """
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput("The file is UTF-16 text.", advice="Save it as UTF-8.")
    text = text_of(line.removeprefix(BOM))
    if "\0" in text:
        raise BadInput("The first line has a NUL byte.", advice="This is not a CSV file.")
    if len(line) > limits.LINE_BYTES:
        raise TooLarge(
            f"The first line is longer than {limits.LINE_BYTES} bytes.", advice="This is not a CSV file."
        )
    try:
        cells = next(csv.reader([text], delimiter=delimiter))
    except csv.Error as error:
        raise BadInput("The first line is not CSV.", advice="It must name the columns.") from error
    if len(cells) > limits.FEED_COLUMNS:
        raise TooLarge(f"The first line names {len(cells)} columns; {limits.FEED_COLUMNS} are allowed.")
    return _names(cells)


def _names(cells: Sequence[str]) -> list[str]:
    names: list[str] = []
    for number, cell in enumerate(cells, 1):
        name = base = cell.strip() or f"column_{number}"
        again = 2
        while name in names or name == ROW:
            name, again = f"{base}_{again}", again + 1
        names.append(name)
    return names


class _Reader:
    """Turns blocks into batches, counting rows."""

    def __init__(self, names: Sequence[str], delimiter: str, first_row: int) -> None:
        self._schema = pl.Schema({name: pl.String() for name in names})
        self._delimiter = delimiter
        self._lenient = Lenient(len(names), delimiter)
        self._row = first_row

    def block(self, block: Block) -> Iterator[Batch]:
        """The batch of one block, if it has any record."""
        if block.data:
            yield from self._batch(block.data, block)
        if block.long_line is not None:
            yield self._one_reject(reasons.LONG_ROW.format(limit=limits.LINE_BYTES), block.long_line)

    def cut_off(self, tail: bytes) -> Batch:
        """The batch that tells of a stream that broke off."""
        return self._one_reject(reasons.TRUNCATED, tail)

    def _one_reject(self, reason: str, raw: bytes) -> Batch:
        reject = Reject(self._row, "", reason, text_of(raw))
        self._row += 1
        return Batch(pl.DataFrame(schema={**self._schema, ROW: pl.Int64()}), rejects_table([reject]))

    def _batch(self, data: bytes, block: Block) -> Iterator[Batch]:
        width, delimiter = len(self._schema), self._delimiter
        lines = look(data, columns=width, delimiter=ord(delimiter), longest=limits.CELL_CHARS)
        last = block.last
        if len(lines.ends) > MOST_LINES:
            lines, last = lines.first(MOST_LINES), False
            data = data[: int(lines.ends[-1]) + 1]
        odd = OddLines(data, lines, self._lenient, last=last)
        frame = self._fast(data, lines)
        if frame is None:
            # The fast reader sees other records than the check did: then every line goes the slow way.
            lines.plain[:] = False
            odd = OddLines(data, lines, self._lenient, last=last)
            frame = pl.DataFrame(schema=self._schema)
        if odd.consumed < len(block.data):
            block.consumed = odd.consumed
        rows = self._row - 1 + np.cumsum(odd.counted)
        if len(rows):
            self._row = int(rows[-1]) + 1
        batch = self._merge(frame, odd, rows, plain=lines.simple and not odd.cells)
        if batch.rows.height or batch.rejects.height:
            yield batch

    def _fast(self, data: bytes, lines: Lines) -> pl.DataFrame | None:
        """The plain lines, read by polars; None where its count of rows is not ours."""
        count = int(lines.plain.sum())
        if not count:
            return pl.DataFrame(schema=self._schema)
        text = data if lines.plain.all() else _cut_out(data, lines)
        frame = pl.read_csv(
            text, has_header=False, schema=self._schema, separator=self._delimiter, infer_schema=False
        )
        return frame if frame.height == count else None

    def _merge(self, frame: pl.DataFrame, odd: OddLines, rows: Positions, *, plain: bool) -> Batch:
        kept = frame.with_columns(pl.Series(ROW, rows[odd.plain], dtype=pl.Int64))
        if odd.cells:
            table = pl.DataFrame(list(odd.cells.values()), schema=self._schema, orient="row")
            numbers = pl.Series(ROW, rows[list(odd.cells)], dtype=pl.Int64)
            kept = pl.concat([kept, table.with_columns(numbers)]).sort(ROW)
        rejects = (Reject(int(rows[at]), "", reason, odd.raw(at)) for at, reason in odd.rejected.items())
        return Batch(kept, rejects_table(rejects), plain)


def _cut_out(data: bytes, lines: Lines) -> bytes:
    """The plain lines of `data`, run by run."""
    edges = np.flatnonzero(np.diff(lines.plain.astype(np.int8), prepend=0, append=0))
    view = memoryview(data)
    runs = zip(edges[::2].tolist(), (edges[1::2] - 1).tolist(), strict=True)
    return b"".join(view[lines.starts[first] : lines.ends[last] + 1] for first, last in runs)
