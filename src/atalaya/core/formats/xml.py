"""XML read as a stream: each record element is a row, with what its ancestors say of it.

A path such as `Flow.System[@category!=target]` names the record elements by the last names of their place, wherever they
are. Columns are the names below the record with dots, `@name` for attributes (`Node.Address@category`), and for what
stands beside an ancestor the ancestor's name before it (`Incident.DetectTime`). Name spaces are left out. A second value
of one name becomes `name_2`. There are no document types, and so no entities but the five of XML.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from io import BufferedIOBase
from typing import Any
from xml.parsers import expat

from atalaya.core import limits
from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.formats import jsonlines, reasons
from atalaya.core.formats.batch import Batch
from atalaya.core.formats.jsonlines import Item
from atalaya.core.formats.opening import Truncated

READ_BYTES = 64 * 1024
WAITING = 1000
"""Records of one parent that wait for what the parent says after them."""
PATH = re.compile(r"([\w.-]+)(?:\[@([\w-]+)(!?=)([\w-]+)\])?")


def read(
    stream: BufferedIOBase, *, records: str, columns: Collection[str], first_row: int = 1
) -> Iterator[Batch]:
    """Yield the record elements of a document as rows, as `jsonlines.read` does.

    What breaks off is one reject after the whole records before it. Raises BadInput for a document type, TooLarge for
    too deep nesting, BadInput for what is no XML at its first byte.
    """
    return jsonlines.batches(_records(stream, records), columns=columns, first_row=first_row)


def root(start: bytes) -> str:
    """Name of the outermost element in the start of a document; "" where there is none."""
    found = re.search(rb"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)[\s/>]", start)
    return found.group(1).decode() if found else ""


@dataclass
class _Element:
    """An open element, and what it has so far."""

    name: str
    record: bool
    text: list[str] = field(default_factory=list)
    size: int = 0
    values: dict[str, str] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    waiting: list[dict[str, str]] = field(default_factory=list)
    full: bool = False

    def put(self, name: str, value: str) -> None:
        """Keep a value; one of a name that was there before under a number."""
        if len(self.values) >= limits.FEED_COLUMNS:
            self.full = True
            return
        self.seen[name] += 1
        self.values[name if self.seen[name] == 1 else f"{name}_{self.seen[name]}"] = value


class _Reader:
    """Handlers of the parser, and the rows that they have found."""

    def __init__(self, records: str) -> None:
        found = PATH.fullmatch(records)
        if found is None:
            raise BadInput(f"{records!r} is no path to records.")
        self._path = found[1].split(".")
        self._attribute, self._sign, self._value = found[2], found[3], found[4]
        self._open: list[_Element] = []
        self.rows: list[Item] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= limits.MARKUP_DEPTH:
            raise TooLarge("The XML document is nested too deeply.")
        local = name.rpartition(":")[2]
        element = _Element(local, self._is_record(local, attributes))
        for key, value in attributes.items():
            if not key.startswith("xmlns"):
                element.put(f"@{key.rpartition(':')[2]}", value[: limits.CELL_CHARS])
        self._open.append(element)

    def _is_record(self, name: str, attributes: dict[str, str]) -> bool:
        names = [one.name for one in self._open[-len(self._path) :]] + [name]
        if names[-len(self._path) :] != self._path:
            return False
        if self._attribute is None:
            return True
        return (attributes.get(self._attribute) == self._value) is (self._sign == "=")

    def data(self, text: str) -> None:
        element = self._open[-1]
        if element.size < limits.CELL_CHARS:
            element.text.append(text[: limits.CELL_CHARS - element.size])
            element.size += len(text)

    def end(self, _: str) -> None:
        element = self._open.pop()
        text = "".join(element.text).strip()
        if text:
            element.put("", text)
        self._flush(element)
        parent = self._open[-1] if self._open else None
        if element.record:
            self._found(element, parent)
        elif parent is not None:
            for name, value in element.values.items():
                parent.put(_joined(element.name, name), value)

    def _found(self, element: _Element, parent: _Element | None) -> None:
        if element.full:
            self.rows.append((None, reasons.CUT_RECORD, str(element.values)[: limits.REJECT_RAW_CHARS]))
            return
        own = {name or "value": value for name, value in element.values.items()}
        if parent is None:
            self.rows.append((dict(own), "", _shown(own)))
            return
        parent.waiting.append(own)
        if len(parent.waiting) >= WAITING:
            self._flush(parent)

    def _flush(self, parent: _Element) -> None:
        """Rows of the records within `parent`, with what all open elements say."""
        if not parent.waiting:
            return
        inside = bool(self._open) and self._open[-1] is parent
        above = {
            _joined(one.name, name): value
            for one in (self._open if inside else [*self._open, parent])
            for name, value in one.values.items()
        }
        self.rows += [({**above, **own}, "", _shown(own)) for own in parent.waiting]
        parent.waiting.clear()


def _joined(before: str, name: str) -> str:
    if not name:
        return before
    return before + name if name.startswith("@") else f"{before}.{name}"


def _shown(values: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())[: limits.REJECT_RAW_CHARS]


def _no_doctype(*_: object) -> None:
    raise BadInput(
        "The XML document has a document type.", advice="It could define entities without end: take it out."
    )


def _records(stream: BufferedIOBase, records: str) -> Iterator[Item]:
    reader = _Reader(records)
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _no_doctype
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.data
    parser.buffer_text = True
    more = True
    while more:
        try:
            part = stream.read1(READ_BYTES)
            more = bool(part)
            parser.Parse(part, not more)
        except Truncated:
            more, broken = False, ""
            reader.rows.append((None, reasons.TRUNCATED, broken))
        except (LookupError, ValueError) as error:
            raise BadInput(
                "The XML names a character set that is not known here.", advice="Save it as UTF-8."
            ) from error
        except expat.ExpatError as error:
            if parser.CurrentByteIndex <= 0 and not reader.rows:
                raise BadInput("The file is not XML.", advice="Choose another feed.") from error
            more = False
            reader.rows.append((None, reasons.TRUNCATED, str(error)))
        yield from reader.rows
        reader.rows.clear()
