"""The reader of each format, behind one door."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from io import BufferedIOBase

from atalaya.core.formats import cef, comments, csv, documents, fields, indicators, jsonlines, lists, xml
from atalaya.core.formats.batch import Batch
from atalaya.core.formats.shape import Shape


def read(
    stream: BufferedIOBase, shape: Shape, *, columns: Collection[str], first_row: int = 1
) -> Iterator[Batch]:
    """The rows of a stream in batches. `columns` are those that a format of objects makes columns of."""
    match shape.format:
        case "jsonlines":
            return jsonlines.read(stream, columns=columns, first_row=first_row)
        case "json":
            return documents.read(stream, records=shape.records, columns=columns, first_row=first_row)
        case "xml":
            return xml.read(stream, records=shape.records, columns=columns, first_row=first_row)
        case "fields":
            return fields.read(stream, columns=columns, first_row=first_row)
        case "cef":
            return cef.read(stream, columns=columns, first_row=first_row)
        case "misp":
            return indicators.read_misp(stream, columns=columns, first_row=first_row)
        case "stix":
            return indicators.read_stix(stream, columns=columns, first_row=first_row)
        case "list":
            return lists.read(stream, first_row=first_row)
    if shape == Shape():
        return csv.read(stream, first_row=first_row)
    return comments.read(stream, shape, first_row=first_row)
