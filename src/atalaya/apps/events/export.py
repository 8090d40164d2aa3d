"""Events for other programs: CSV for a spreadsheet, IntelMQ JSON lines for another pipeline. Batch by batch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from atalaya.apps.registry.models import Organisation
from atalaya.core.schema.columns import COLUMNS, polars_schema
from atalaya.web import safe_csv

IDF = tuple(column for column in COLUMNS if not column.own)
CSV_OWN = ("owner", "owner_by", "finding", "raw_file", "raw_row")
FORMULA = f"^[{re.escape(''.join(safe_csv.DANGEROUS))}]"
"""Starts of a cell that a spreadsheet takes for a formula."""

TO_INTELMQ: dict[str, dict[str, str]] = {
    "tlp": {"clear": "WHITE", "green": "GREEN", "amber": "AMBER", "amber+strict": "RED", "red": "RED"},
    "classification.type": {
        "blocklist": "blacklist", "unauthorised-use-of-resources": "unauthorized-use-of-resources",
    },
}  # fmt: skip
"""Values that IntelMQ 3.5 spells otherwise or lacks; a marking that it lacks becomes the next stricter one."""


def owner_names(events: pl.DataFrame) -> dict[str, str]:
    """Names of the owners of events that `queries.for_reader` has passed, by id."""
    wanted = events["owner"].drop_nulls().unique().to_list()
    return {
        str(pk): name for pk, name in Organisation.objects.filter(pk__in=wanted).values_list("pk", "name")
    }


def as_csv(batches: Iterator[pl.DataFrame]) -> Iterator[bytes]:
    """CSV with one header line of field names; no cell starts as a formula. The owner is given by name."""
    yield (",".join([column.field for column in IDF] + list(CSV_OWN)) + "\n").encode()
    for events in batches:
        yield _csv_table(events).write_csv(include_header=False).encode()


SCHEMA = polars_schema()
"""Columns of the event table, which Parquet files keep by their own names and types."""


def as_table(events: pl.DataFrame) -> pl.DataFrame:
    """The events with their own types, for analysis: the fields of IDF, the owner by name, finding and provenance."""
    names = owner_names(events)
    return events.select([column.name for column in IDF] + list(CSV_OWN)).with_columns(
        pl.col("owner").replace(names)
    )


def _csv_table(events: pl.DataFrame) -> pl.DataFrame:
    names = owner_names(events)
    table = events.select([column.name for column in IDF] + list(CSV_OWN)).with_columns(
        pl.col("owner").replace(names),
        pl.col(pl.Datetime).dt.strftime("%Y-%m-%dT%H:%M:%S%.f+00:00"),
        pl.col("finding").cast(pl.String),
    )
    return table.with_columns(_safe(name) for name, dtype in table.schema.items() if dtype == pl.String)


def _safe(name: str) -> pl.Expr:
    text = pl.col(name)
    harmless = pl.col(name).str.contains(r"^-?\d+$")
    risky = text.str.contains(FORMULA) & ~harmless
    return pl.when(risky).then(pl.concat_str(pl.lit("'"), text)).otherwise(text).alias(name)


def as_intelmq(batches: Iterator[pl.DataFrame]) -> Iterator[bytes]:
    """One IntelMQ event per line: flat keys, `extra` as an object, times as ISO 8601 with +00:00."""
    fields = [(column.name, column.field) for column in IDF]
    for events in batches:
        table = events.select([name for name, _ in fields])
        lines = [json.dumps(_event(fields, row), ensure_ascii=False) for row in table.iter_rows()]
        yield ("\n".join(lines) + "\n").encode() if lines else b""


def _event(fields: list[tuple[str, str]], row: tuple[Any, ...]) -> dict[str, Any]:
    event: dict[str, Any] = {"__type": "Event"}
    for (_, field), value in zip(fields, row, strict=True):
        if value is not None and value != "":
            event[field] = _plain(field, value)
    return event


def _plain(field: str, value: Any) -> Any:
    if field == "extra":
        return json.loads(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return TO_INTELMQ.get(field, {}).get(value, value)


def as_objects(events: pl.DataFrame) -> list[dict[str, Any]]:
    """Events for the API: field name -> value, empty ones left out, with owner, finding and provenance."""
    return [as_object(row) for row in events.iter_rows(named=True)]


FIELDS: Mapping[str, str] = {column.name: column.field for column in COLUMNS}
NOT_SHOWN = frozenset({"key", "source_ip_key", "day"})


def as_object(row: dict[str, Any]) -> dict[str, Any]:
    """One event for the API, as `as_objects` gives them."""
    shown = {
        FIELDS[name]: value
        for name, value in row.items()
        if name not in NOT_SHOWN and value not in (None, "", [])
    }
    if "extra" in shown:
        shown["extra"] = json.loads(shown["extra"])
    if "finding" in shown:
        shown["finding"] = str(shown["finding"])
    return {field: _iso(value) for field, value in shown.items()}


def _iso(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value
