"""Read a feed file: formats, then mapping, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase
from itertools import chain, takewhile
from pathlib import Path

from atalaya.core import limits
from atalaya.core.engine import LOCAL, Engine
from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.feeds.declaration import Feed, Mapped
from atalaya.core.feeds.finding import Catalogue, catalogue
from atalaya.core.feeds.mapping import Mapper
from atalaya.core.formats import cef, comments, csv, fields, jsonlines, open_feed, reader, xml
from atalaya.core.formats.batch import Batch
from atalaya.core.formats.opening import Truncated
from atalaya.core.formats.shape import Shape
from atalaya.core.formats.text import text_of

BLANK = b"\xef\xbb\xbf \t\r\n["
"""What may stand before the first object of a JSON file."""


def read(
    path: Path, feed: Feed, *, name: str = "", feeds: Catalogue | None = None, engine: Engine = LOCAL
) -> Iterator[Mapped]:
    """Yield the mapped batches of one file, plain, gzip or zip; `name` is what its sender called it.

    Rows are numbered through all files of an archive. A file in an archive whose own name tells another feed is
    read as that one. The file is read here, its batches are mapped where `engine` has room. Raises BadInput (TooLarge) where nothing can be read; single bad rows are rejects.
    """
    known = feeds or catalogue()
    row = 1
    for member, stream in open_feed(path):
        own = known.find(member) if member != path.name else None
        for part in _read_member(stream, own or feed, name=name or path.name, first_row=row, engine=engine):
            row += part.rows_read
            yield part


def _read_member(
    stream: BufferedIOBase, feed: Feed, *, name: str, first_row: int, engine: Engine
) -> Iterator[Mapped]:
    try:
        found = batches(stream, feed, first_row=first_row)
        if first := next(found, None):
            yield from engine.map(mapped, chain([first], found), Mapper(feed, header(feed, first)))
    except TooLarge as error:
        raise TooLarge(f"{name}: {error.what}", advice=error.advice) from error
    except BadInput as error:
        raise BadInput(f"{name}: {error.what}", advice=error.advice) from error


def mapped(batch: Batch, mapper: Mapper) -> Mapped:
    """One batch as typed events and rejects: a stage of its own."""
    return mapper.map(batch)


def header(feed: Feed, batch: Batch) -> list[str]:
    """The columns that the batches of a file may have: objects may each have other keys."""
    return list(feed.columns) if feed.shape.objects else batch.rows.columns


def batches(stream: BufferedIOBase, feed: Feed, *, first_row: int = 1) -> Iterator[Batch]:
    """The batches of a stream in the feed's format."""
    return reader.read(stream, feed.shape, columns=feed.columns.keys(), first_row=first_row)


def recognise(path: Path, *, name: str = "", feeds: Catalogue | None = None) -> Feed | None:
    """The feed of a file by its name, by the names of the files in it, or by its columns; None where none fits."""
    known = feeds or catalogue()
    if found := known.find(name or path.name):
        return found
    for member, stream in open_feed(path):
        if found := known.find(member):
            return found
        for format, names in seen(stream):
            if names and (found := known.find(member, names, format=format)):
                return found
    return None


def seen(stream: BufferedIOBase) -> list[tuple[str, list[str]]]:
    """Formats that the start of a stream may be of, the likeliest first, and the columns that it then names."""
    try:
        start = stream.read1(limits.LINE_BYTES)
    except Truncated:
        return []
    first = start.lstrip(BLANK)
    if first.startswith(b"{"):
        keys = jsonlines.first_keys(start)
        return [("jsonlines", keys), ("json", keys)]
    if first.startswith(b"<"):
        return [("xml", [xml.root(start)])]
    told = [text for text in text_of(start[: limits.CELL_CHARS]).splitlines() if text.strip()]
    if any(text.find(cef.START) in range(200) for text in told[:1]):
        return [("cef", list(cef.HEAD))]
    if told and fields.LINE.fullmatch(told[0]):
        return [("fields", list(fields.names("\n".join(told))))]
    return [("csv", names) for names in _headers(told)]


def _headers(lines: list[str]) -> Iterator[list[str]]:
    """The columns that the first lines of a file with cells may name: its first line, or the last of its comments."""
    remarks = list(takewhile(lambda line: line.startswith("#"), lines))
    rest = lines[len(remarks) :]
    for delimiter in ",\t|;":
        shape = Shape(delimiter=delimiter, comment="#")
        try:
            yield csv.header(rest[0].encode(), delimiter) if rest else []
            yield comments.header(remarks, shape)
        except BadInput:
            continue
