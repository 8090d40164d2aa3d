"""Common Event Format, one record a line, with or without what syslog writes before it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from io import BufferedIOBase

from atalaya.core import limits
from atalaya.core.formats import jsonlines, reasons
from atalaya.core.formats.batch import Batch
from atalaya.core.formats.blocks import LineBlocks
from atalaya.core.formats.jsonlines import Item
from atalaya.core.formats.text import text_of

HEAD = ("version", "device_vendor", "device_product", "device_version", "signature", "name", "severity")
START = "CEF:"
BAR = re.compile(r"(?<!\\)((?:\\\\)*)\|")
KEY = re.compile(r"(?:^|(?<=\s))([A-Za-z0-9_.\[\]-]{1,100})=")
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
LETTERS = {"n": "\n", "r": "\r"}


def read(stream: BufferedIOBase, *, columns: Collection[str], first_row: int = 1) -> Iterator[Batch]:
    """Yield the records of a stream: the columns of HEAD, and one for each key of the extension."""
    return jsonlines.batches(_items(stream), columns=columns, first_row=first_row)


def _items(stream: BufferedIOBase) -> Iterator[Item]:
    blocks = LineBlocks(stream)
    for block in blocks:
        for line in block.data.split(b"\n"):
            if line.strip() and not line.startswith(b"#"):
                yield _item(line)
        if block.long_line is not None:
            yield None, reasons.LONG_ROW.format(limit=limits.LINE_BYTES), jsonlines.shown(block.long_line)
    if blocks.cut_off is not None:
        yield None, reasons.TRUNCATED, jsonlines.shown(blocks.cut_off)


def _item(line: bytes) -> Item:
    raw = jsonlines.shown(line[: 4 * limits.REJECT_RAW_CHARS])
    text = text_of(line, "utf-8-sig").strip()
    at = text.find(START)
    cells = _bars(text[at + len(START) :]) if at >= 0 else []
    if len(cells) != len(HEAD) + 1:
        return None, reasons.CEF, raw
    row = {name: _plain(value) for name, value in zip(HEAD, cells, strict=False)}
    return {**dict(_extension(cells[-1])), **row}, "", raw


def _bars(text: str) -> list[str]:
    """The seven cells of the head, and what follows."""
    cells, start = [], 0
    for found in BAR.finditer(text):
        cells.append(text[start : found.end() - 1])
        start = found.end()
        if len(cells) == len(HEAD):
            break
    return [*cells, text[start:]]


def _extension(text: str) -> Iterator[tuple[str, str]]:
    keys = list(KEY.finditer(text))
    ends = [one.start() for one in keys[1:]] + [len(text)]
    for key, end in zip(keys, ends, strict=False):  # without a key there is one end too many
        if value := _plain(text[key.end() : end].strip()):
            yield key[1], value


def _plain(text: str) -> str:
    return ESCAPED.sub(lambda found: LETTERS.get(found[1], found[1]), text) if "\\" in text else text
