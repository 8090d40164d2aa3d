"""The slow path: one odd line of a CSV block at a time, as Python's csv module reads it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from atalaya.core import limits
from atalaya.core.formats import reasons
from atalaya.core.formats.quoting import Lines
from atalaya.core.formats.text import text_of

csv.field_size_limit(limits.LINE_BYTES)

MOST_JOINED = 10_000
"""Lines of one record."""
LINE_COST = 200
"""What looking at one line costs, in bytes that could be looked at in the same time."""


@dataclass(frozen=True)
class Record:
    """What one odd line is: `cells`, or the `reason` why not. `lines`: how many lines it took.

    lines == 0: the record goes on after the text given. reason "" and cells None: a blank line.
    """

    lines: int
    cells: list[str] | None = None
    reason: str = ""


class Lenient:
    """Reads single records out of lines of bytes, which end in line feeds."""

    def __init__(self, columns: int, delimiter: str = ",") -> None:
        self._columns = columns
        self._delimiter = delimiter
        self._patience = 0

    def start(self) -> None:
        """Start with a new block: so many bytes may be looked at in vain for the end of a quotation."""
        self._patience = limits.BATCH_BYTES

    def record(self, lines: Iterator[bytes], *, last: bool) -> Record:
        """Read the record that starts with the first of `lines`; more are taken only where quotation needs them.

        Where a quotation mark is not closed, or what it encloses makes no good record, the first line alone is
        rejected, so that one wrong mark never takes good lines with it.
        """
        first = next(lines)
        if not first.strip():
            return Record(1)
        text, reason = _text(first)
        if text is None:
            return Record(1, reason=reason)
        reader = csv.reader([text, "\n"], delimiter=self._delimiter)
        try:
            cells = next(reader)
        except csv.Error:
            return Record(1, reason=reasons.RETURN)
        return self._judge(cells, 1) if reader.line_num == 1 else self._joined(text, lines, last=last)

    def _joined(self, first: str, lines: Iterator[bytes], *, last: bool) -> Record:
        """Read a record that needs more lines than its first: only a strictly right one counts."""
        taker = _Taker(lines, min(limits.LINE_BYTES, self._patience))
        try:
            cells = next(csv.reader(chain([first], taker), delimiter=self._delimiter, strict=True))
        except csv.Error:
            return self._in_vain(taker, last=last)
        record = self._judge(cells, 1 + taker.taken)
        return record if record.cells is not None else self._in_vain(taker, last=last)

    def _in_vain(self, taker: _Taker, *, last: bool) -> Record:
        if taker.ended and not taker.refused and not last:
            return Record(0)
        self._patience -= taker.size + taker.taken * LINE_COST
        return Record(1, reason=reasons.QUOTE)

    def _judge(self, cells: list[str], lines: int) -> Record:
        if len(cells) != self._columns:
            return Record(lines, reason=reasons.CELLS.format(cells=len(cells), columns=self._columns))
        if max(map(len, cells)) > limits.CELL_CHARS:
            return Record(lines, reason=reasons.LONG_CELL.format(limit=limits.CELL_CHARS))
        return Record(lines, cells=cells)


class _Taker:
    """Hands out lines as text and counts them. ended: there were no more, or the next was refused."""

    def __init__(self, lines: Iterator[bytes], most: int) -> None:
        self._lines = lines
        self._most = most
        self.taken = 0
        self.size = 0
        self.ended = False
        self.refused = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        text = None
        if line is not None:
            self.size += len(line)
            text = _text(line)[0] if self.size <= self._most and self.taken < MOST_JOINED else None
        if text is None:
            self.ended, self.refused = True, line is not None
            raise StopIteration
        self.taken += 1
        return text


def _text(line: bytes) -> tuple[str | None, str]:
    """The line as text, or None and why not."""
    if len(line) > limits.LINE_BYTES:
        return None, reasons.LONG_ROW.format(limit=limits.LINE_BYTES)
    if b"\0" in line:
        return None, reasons.NUL
    return text_of(line), ""


class OddLines:
    """The lines of a block that are not plain, read one by one.

    cells, rejected: by the number of the record's first line. Lines that an odd record takes with it are made
    not plain in `lines`. counted: 1 for each line that starts a record. consumed: bytes dealt with; the rest
    is a record that goes on in the next block.
    """

    def __init__(self, data: bytes, lines: Lines, lenient: Lenient, *, last: bool) -> None:
        self._data = data
        self._lines = lines
        self.plain = lines.plain
        self.cells: dict[int, list[str]] = {}
        self.rejected: dict[int, str] = {}
        self.counted = np.ones(len(lines.ends), np.int64)
        self.counted[lines.blank] = 0
        self.consumed = len(data)
        lenient.start()
        taken = 0
        for at in np.flatnonzero(~lines.plain & ~lines.blank).tolist():
            if at >= taken and not self._take(at, lenient.record(self._from(at), last=last)):
                break
            taken = max(taken, self._taken)

    def raw(self, at: int) -> str:
        """The start of line number `at` as text."""
        start = int(self._lines.starts[at])
        end = min(int(self._lines.ends[at]), start + 4 * limits.REJECT_RAW_CHARS)
        return text_of(self._data[start:end]).rstrip("\r")

    def _from(self, at: int) -> Iterator[bytes]:
        starts, ends = self._lines.starts, self._lines.ends
        for line in range(at, len(ends)):
            yield self._data[starts[line] : ends[line] + 1]

    def _take(self, at: int, record: Record) -> bool:
        """Note what line `at` is; False where its record goes on after this block."""
        if record.lines == 0:
            self._leave(at)
            return False
        self._taken = at + record.lines
        self.plain[at + 1 : self._taken] = False
        self.counted[at + 1 : self._taken] = 0
        if record.cells is not None:
            self.cells[at] = record.cells
        elif record.reason:
            self.rejected[at] = record.reason
        else:
            self.counted[at] = 0
        return True

    def _leave(self, at: int) -> None:
        """Leave line `at` and all after it to the next block."""
        self.consumed = int(self._lines.starts[at])
        self.plain[at:] = False
        self.counted[at:] = 0
