"""Read a feed file: formats, then mapping, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

from atalaya.core import limits
from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.feeds.declaration import Feed, Mapped
from atalaya.core.feeds.finding import Catalogue, catalogue
from atalaya.core.feeds.mapping import Mapper
from atalaya.core.formats import csv, indicators, jsonlines, open_feed
from atalaya.core.formats.batch import Batch
from atalaya.core.formats.opening import Truncated

BLANK = b"\xef\xbb\xbf \t\r\n["
"""What may stand before the first object of a JSON file."""


def read(path: Path, feed: Feed, *, name: str = "", feeds: Catalogue | None = None) -> Iterator[Mapped]:
    """Yield the mapped batches of one file, plain, gzip or zip; `name` is what its sender called it.

    Rows are numbered through all files of an archive. A file in an archive whose own name tells another feed is
    read as that one. Raises BadInput (TooLarge) where nothing can be read; single bad rows are rejects.
    """
    known = feeds or catalogue()
    row = 1
    for member, stream in open_feed(path):
        own = known.find(member) if member != path.name else None
        for mapped in _read_member(stream, own or feed, name=name or path.name, first_row=row):
            row += mapped.rows_read
            yield mapped


def _read_member(stream: BufferedIOBase, feed: Feed, *, name: str, first_row: int) -> Iterator[Mapped]:
    mapper: Mapper | None = None
    try:
        for batch in batches(stream, feed, first_row=first_row):
            mapper = mapper or Mapper(feed, header(feed, batch))
            yield mapper.map(batch)
    except TooLarge as error:
        raise TooLarge(f"{name}: {error.what}", advice=error.advice) from error
    except BadInput as error:
        raise BadInput(f"{name}: {error.what}", advice=error.advice) from error


def header(feed: Feed, batch: Batch) -> list[str]:
    """The columns that the batches of a file may have: JSON objects may each have other keys."""
    return batch.rows.columns if feed.format == "csv" else list(feed.columns)


def batches(stream: BufferedIOBase, feed: Feed, *, first_row: int = 1) -> Iterator[Batch]:
    """The batches of a stream in the feed's format."""
    if feed.format == "jsonlines":
        return jsonlines.read(stream, columns=feed.columns.keys(), first_row=first_row)
    if feed.format == "misp":
        return indicators.read_misp(stream, columns=feed.columns.keys(), first_row=first_row)
    if feed.format == "stix":
        return indicators.read_stix(stream, columns=feed.columns.keys(), first_row=first_row)
    return csv.read(stream, first_row=first_row)


def recognise(path: Path, *, name: str = "", feeds: Catalogue | None = None) -> Feed | None:
    """The feed of a file by its name, by the names of the files in it, or by its columns; None where none fits."""
    known = feeds or catalogue()
    if found := known.find(name or path.name):
        return found
    for member, stream in open_feed(path):
        format, names = _header(stream)
        if found := known.find(member, names, format=format):
            return found
    return None


def _header(stream: BufferedIOBase) -> tuple[str, list[str]]:
    """The format that the start of a stream shows, and the columns it names: [] where it names none."""
    try:
        start = stream.read1(limits.LINE_BYTES)
    except Truncated:
        return "csv", []
    if start.lstrip(BLANK).startswith(b"{"):
        return "jsonlines", jsonlines.first_keys(start)
    line = next((line for line in start.splitlines() if line.strip()), b"")
    try:
        return "csv", csv.header(line)
    except BadInput:
        return "csv", []
