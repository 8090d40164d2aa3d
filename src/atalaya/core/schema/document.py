"""The event schema as a page for people: docs/event-schema.md is what `markdown` gives."""

from __future__ import annotations

import polars as pl

from atalaya.core.schema.columns import BOOL, COLUMNS, FLOAT, INT, TEXT, TIME, Column

HEAD = """# The event schema

<!-- Written by `python -m atalaya.core.schema.document > docs/event-schema.md`; a test fails when it is not current. -->

An event is one observation and never changes. Its fields are those of the IntelMQ Data Format (IDF); in the event
table and in SQL a dot in a name is an underscore (`source.ip` is the column `source_ip`). Every field may be empty,
except where a feed requires it. Times are in UTC.

What a feed says that no field holds stands in `extra`, one JSON object: under the column's own name, or under the key
that the feed's declaration gives. A cell that its field cannot hold ("99999" as a port) is kept there too.
"""
TYPES: dict[pl.DataType, str] = {
    TEXT: "text",
    INT: "whole number",
    FLOAT: "number",
    TIME: "time",
    BOOL: "yes or no",
    pl.Date(): "date",
    pl.List(pl.String()): "list of texts",
}


def markdown() -> str:
    """The page: one table of the fields of IDF, one of Atalaya's own."""
    shared = [column for column in COLUMNS if not column.own]
    own = [column for column in COLUMNS if column.own]
    return "\n".join(
        [
            HEAD,
            f"## Fields of IDF ({len(shared)})\n",
            *_table(shared),
            "\n## Atalaya's own fields\n",
            *_table(own),
            "",
        ]
    )


def _table(columns: list[Column]) -> list[str]:
    rows = [f"| `{one.field}` | `{one.name}` | {TYPES[one.dtype]} | {one.meaning} |" for one in columns]
    return ["| field | column | type | meaning |", "|---|---|---|---|", *rows]


if __name__ == "__main__":
    print(markdown(), end="")
