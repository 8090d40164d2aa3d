"""CSV whose comment lines have to go, whose header may be one of them, and whose cells may have blanks around them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from io import BufferedIOBase
from typing import cast

import polars as pl

from atalaya.core import limits
from atalaya.core.errors import BadInput
from atalaya.core.formats import csv
from atalaya.core.formats.batch import ROW, Batch
from atalaya.core.formats.blocks import Lines
from atalaya.core.formats.opening import Truncated
from atalaya.core.formats.shape import Shape
from atalaya.core.formats.text import text_of

HEAD_LINES = 1000
"""Comment lines before the first row."""
FIELDS = "fields"
"""The word before the names of the columns in files of Zeek."""


def read(stream: BufferedIOBase, shape: Shape, *, first_row: int = 1) -> Iterator[Batch]:
    """As `csv.read`, with the options of `shape`. Comment lines are no rows and do not count.

    A line that starts as a comment within a quoted cell is taken for one. Raises BadInput where no line names the
    columns.
    """
    clean = Uncommented(stream, shape)
    names = list(shape.header)
    if shape.header_in_comment:
        names = header(clean.head(), shape) or names
        if not names:
            raise BadInput(
                "No comment line names the columns.",
                advice="The last one before the first row must name them.",
            )
    found = csv.read(
        cast(BufferedIOBase, clean), first_row=first_row, delimiter=shape.delimiter, names=names or None
    )
    return _stripped(found) if shape.blanks else found


def header(comments: list[str], shape: Shape) -> list[str]:
    """Names of the columns that the comments of a file tell: in Zeek's line of fields, else in the last that has any."""
    told = [text.lstrip(shape.comment + " ") for text in comments]
    rows = [text for text in told if shape.delimiter in text]
    zeek = [text for text in rows if text.split(shape.delimiter)[0].strip() == FIELDS]
    if zeek:
        return csv.header(zeek[-1].partition(shape.delimiter)[2].encode(), shape.delimiter)
    return csv.header(rows[-1].encode(), shape.delimiter) if rows else []


def _stripped(batches: Iterator[Batch]) -> Iterator[Batch]:
    for batch in batches:
        yield replace(batch, rows=batch.rows.with_columns(pl.exclude(ROW).str.strip_chars()))


class Uncommented:
    """A stream without comment lines, in whole lines as far as they are not too long."""

    def __init__(self, stream: Lines, shape: Shape) -> None:
        marks = re.escape(shape.comment.encode())
        self._comment = re.compile(rb"^[ \t]*[" + marks + rb"][^\n]*\n?", re.MULTILINE) if marks else None
        quote = f'"{shape.delimiter} "'.encode()
        self._closer = (quote, quote.replace(b" ", b"")) if shape.blanks else None
        self._stream = stream
        self._within = False
        self._back = b""
        self._broken: Truncated | None = None

    def head(self) -> list[str]:
        """The comments before the first row."""
        found: list[str] = []
        while len(found) < HEAD_LINES:
            line = self._line(limits.LINE_BYTES + 1).removeprefix(csv.BOM)
            if not line:
                break
            if line.strip() and not (self._comment and self._comment.match(line)):
                self._back = self._cleaned(line)
                break
            if line.strip():
                found.append(text_of(self._cleaned_text(line)).strip("\r\n"))
        return found

    def read1(self, size: int, /) -> bytes:
        """As a stream's, with more bytes than asked for where a line goes on. b"" at the end only."""
        if self._back:
            data, self._back = self._back, b""
            return data
        while True:
            if self._broken is not None:
                raise self._broken
            data = self._stream.read1(size)
            if not data:
                return b""
            if not data.endswith(b"\n"):
                data += self._line_end()
            if kept := self._cleaned(data):
                return kept

    def readline(self, size: int, /) -> bytes:
        """The next line that is no comment."""
        if self._back:
            data, self._back = self._back, b""
            return data
        while line := self._line(size):
            if kept := self._cleaned(line):
                return kept
        return b""

    def _line(self, size: int) -> bytes:
        if self._broken is not None:
            raise self._broken
        return self._stream.readline(size)

    def _line_end(self) -> bytes:
        try:
            return self._stream.readline(limits.LINE_BYTES + 1)
        except Truncated as error:
            self._broken = error
            return b""

    def _cleaned(self, data: bytes) -> bytes:
        """Without comments; what goes on a line that was too long is left as it is."""
        start = b""
        if self._within:
            cut = data.find(b"\n") + 1 or len(data)
            start, data = data[:cut], data[cut:]
        if data or start:
            self._within = not (data or start).endswith(b"\n")
        if self._comment is not None:
            data = self._comment.sub(b"", data.removeprefix(csv.BOM))
        return start + self._cleaned_text(data)

    def _cleaned_text(self, data: bytes) -> bytes:
        return data.replace(*self._closer) if self._closer else data
