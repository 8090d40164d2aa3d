"""Bytes of a spreadsheet's CSV <-> rows of cells. Knows nothing of organisations."""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from atalaya.core import limits
from atalaya.core.errors import BadInput, TooLarge

BOM = "\ufeff"
"""Exports start with it, so that spreadsheets read UTF-8 as UTF-8."""

_HARMLESS = re.compile(r"\A'*[=+\-@\t\r\n]")
_GUARDED = re.compile(r"\A'+[=+\-@\t\r\n]")


@dataclass
class Table:
    """A read file: `rows` are (number as the spreadsheet counts, column -> cell), cells without their guard.

    `broken` are rows whose cells do not fit the header. `notes` say how the file was read, for a person.
    """

    columns: list[str]
    rows: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    broken: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def guard(cell: str) -> str:
    """The cell so that no spreadsheet runs it as a formula: a leading quote. `unguard` takes exactly that one away."""
    return f"'{cell}" if _HARMLESS.match(cell) else cell


def unguard(cell: str) -> str:
    """The cell as it was before `guard`; any other cell as it is."""
    return cell[1:] if _GUARDED.match(cell) else cell


def write(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A canonical file: UTF-8 with a mark, commas, CRLF, quotes only where needed, cells guarded."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([guard(cell) for cell in row])
    return (BOM + out.getvalue()).encode("utf-8")


def read(data: bytes, known: Sequence[str]) -> Table:
    """Read a file whose header names columns out of `known`, in any order. Comma, semicolon or tab; UTF-8 or Windows-1252.

    Raises BadInput when there is no usable header or the quoting never ends, TooLarge beyond the limits.
    """
    if len(data) > limits.REGISTRY_FILE_BYTES:
        most = limits.REGISTRY_FILE_BYTES // limits.MIB
        raise TooLarge(_("The file is larger than %(most)s MiB.") % {"most": most}, advice=_("Split it."))
    notes: list[str] = []
    text = _decoded(data, notes)
    rows = _rows(text, _separator(text))
    header = next(rows, (0, []))[1]
    columns = _columns(header, known)
    table = Table(columns, notes=notes)
    for number, cells in rows:
        _take(table, number, cells)
    return table


def _take(table: Table, number: int, cells: list[str]) -> None:
    if not any(cell.strip() for cell in cells):
        return
    if len(table.rows) + len(table.broken) >= limits.REGISTRY_ROWS:
        most = limits.REGISTRY_ROWS
        raise TooLarge(_("The file has more than %(most)s rows.") % {"most": most}, advice=_("Split it."))
    if len(cells) != len(table.columns):
        shown = {"cells": len(cells), "columns": len(table.columns)}
        table.broken.append((number, _("The row has %(cells)s cells, the header %(columns)s.") % shown))
    elif any(len(cell) > limits.CELL_CHARS for cell in cells):
        table.broken.append(
            (number, _("A cell is longer than %(most)s characters.") % {"most": limits.CELL_CHARS})
        )
    else:
        cleaned = (unguard(cell.replace("\r\n", "\n")) for cell in cells)
        table.rows.append((number, dict(zip(table.columns, cleaned, strict=True))))


def _decoded(data: bytes, notes: list[str]) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise BadInput(_("The file is not text."), advice=_("Save it as CSV UTF-8.")) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        notes.append(
            _(
                "The file is not UTF-8. It was read as Windows-1252: look at the accents, or save it as CSV UTF-8."
            )
        )
        return data.decode("cp1252", errors="replace")


def _separator(text: str) -> str:
    first = text.partition("\n")[0]
    return max((",", ";", "\t"), key=first.count)


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with their number as a spreadsheet counts them, the header being 1."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 0
    while True:
        number += 1
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadInput(
                _("The quoting is broken in row %(row)s.") % {"row": number},
                advice=_("Open the file in a spreadsheet and save it as CSV again."),
            ) from error


def _columns(header: list[str], known: Sequence[str]) -> list[str]:
    columns = [cell.strip().casefold().replace(" ", "_") for cell in header]
    while columns and not columns[-1]:
        columns.pop()
    if not columns:
        raise BadInput(
            _("The file has no header."),
            advice=_("Its first row names the columns: %(known)s.") % {"known": ", ".join(known)},
        )
    for column in columns:
        if column not in known:
            near = difflib.get_close_matches(column, known, n=1)
            allowed = near[0] if near else ", ".join(known)
            raise BadInput(
                _("Column %(column)s is not known.") % {"column": column[:80] or "?"},
                advice=_("Rename it or take it out. Known: %(known)s.") % {"known": allowed},
            )
    if len(set(columns)) != len(columns):
        raise BadInput(_("A column stands twice in the header."), advice=_("Take one of them out."))
    return columns
