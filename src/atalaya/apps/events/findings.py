"""Findings in bulk: the one place with SQL written by hand, because a model object per row costs 100 times more.

One call is one slice inside the caller's transaction. Sightings may arrive in any order: first and last sight only
widen, and the owner, feed, severity, rule and vulnerabilities follow the latest sighting.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import polars as pl
from django.db import connection

from atalaya.apps.registry.models import Organisation
from atalaya.core.pipeline.identity import EPHEMERAL
from atalaya.core.schema.columns import SEVERITIES

TABLE = "events_finding"
COLUMNS = (
    "key", "state", "organisation_id", "feed", "taxonomy", "type", "identifier", "severity", "address", "port",
    "malware", "cves", "first_seen", "last_seen", "count", "status", "changed_at", "rule",
)  # fmt: skip
"""Columns of the findings table in the order in which both databases are given them."""
LATEST = ("severity", "feed", "rule", "cves")
"""Columns that follow the latest sighting, beside the owner."""
TYPES = {
    "key": "bigint", "organisation_id": "uuid", "severity": "smallint", "port": "integer", "count": "bigint",
    "first_seen": "timestamptz", "last_seen": "timestamptz", "changed_at": "timestamptz",
}  # fmt: skip
"""PostgreSQL types of the columns that are not texts."""
ARRAYS = ", ".join(f"%s::{TYPES.get(name, 'varchar')}[]" for name in COLUMNS)
"""What PostgreSQL's `unnest` is given: one array for each column."""
LENGTHS = {
    "feed": 80,
    "taxonomy": 40,
    "type": 40,
    "identifier": 120,
    "address": 255,
    "malware": 120,
    "rule": 40,
    "cves": 200,
}
"""Characters that the text columns hold; longer values are cut, the event keeps the whole."""


ROOM_KIB = 65_536
"""Page cache of SQLite while findings are written: with its usual 2 MiB each page is written many times over."""


@contextmanager
def room() -> Iterator[None]:
    """Give this connection memory for the pages of a whole slice; a larger database has its own settings."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        usual = cursor.execute("PRAGMA cache_size").fetchone()[0]
        cursor.execute(f"PRAGMA cache_size = -{ROOM_KIB}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA cache_size = {usual}")


def apply(sightings: pl.DataFrame) -> int:
    """Add one slice of aggregated sightings to the findings and return how many findings are new.

    `sightings` is a slice of `EventTable.findings_of`, sorted by key. Rows without an owner make no findings.
    """
    rows = prepared(sightings)
    if rows.is_empty():
        return 0
    return _apply_postgres(rows) if connection.vendor == "postgresql" else _apply_sqlite(rows)


def prepared(sightings: pl.DataFrame) -> pl.DataFrame:
    """The sightings as rows of the findings table (`COLUMNS`), only those whose owner is registered."""
    return (
        sightings.filter(pl.col("owner").is_not_null())
        .with_columns(owner=_registered("owner", sightings["owner"]))
        .filter(pl.col("owner").is_not_null())
        .select(
            pl.col("finding").alias("key"),
            pl.col("state"),
            pl.col("owner").alias("organisation_id"),
            _text("feed_code", "feed"),
            _text("classification_taxonomy", "taxonomy"),
            _text("classification_type", "type"),
            _text("classification_identifier", "identifier"),
            _severity(sightings),
            _text("address", "address"),
            _lasting_port(),
            _text("malware", "malware"),
            _text("cves", "cves"),
            pl.col("first_seen"),
            pl.col("last_seen"),
            pl.col("count").cast(pl.Int64),
            pl.lit("open").alias("status"),
            pl.col("last_seen").alias("changed_at"),
            _text("rule", "rule"),
        )
    )


def _registered(column: str, owners: pl.Series) -> pl.Expr:
    """Owners that still exist; the registry may have lost one since the file was attributed."""
    wanted = owners.drop_nulls().unique().to_list()
    known = [str(pk) for pk in Organisation.objects.filter(pk__in=wanted).values_list("pk", flat=True)]
    return pl.when(pl.col(column).is_in(known)).then(pl.col(column))


def _text(source: str, name: str) -> pl.Expr:
    return pl.col(source).fill_null("").str.slice(0, LENGTHS[name]).alias(name)


def _lasting_port() -> pl.Expr:
    calls_out = pl.col("classification_type").is_in(list(EPHEMERAL)).fill_null(False)
    return pl.when(~calls_out).then("port").cast(pl.Int32).alias("port")


def _severity(sightings: pl.DataFrame) -> pl.Expr:
    if sightings.schema["severity"].is_integer():
        return pl.col("severity").fill_null(0).cast(pl.Int16)
    ranks = {name: rank for rank, name in enumerate(SEVERITIES)}
    return pl.col("severity").replace_strict(ranks, default=0, return_dtype=pl.Int16)


UPSERT = """
WITH told AS (
    INSERT INTO {table} ({columns})
    SELECT * FROM unnest({arrays})
    ON CONFLICT (key) DO UPDATE SET
        count = {table}.count + excluded.count,
        first_seen = least({table}.first_seen, excluded.first_seen),
        last_seen = greatest({table}.last_seen, excluded.last_seen),
        status = CASE WHEN {back} THEN 'back' ELSE {table}.status END,
        changed_at = CASE WHEN {back} THEN excluded.last_seen ELSE {table}.changed_at END,
        notified_at = CASE WHEN {latest} AND {table}.organisation_id IS DISTINCT FROM excluded.organisation_id
                           THEN NULL ELSE {table}.notified_at END,
        organisation_id = CASE WHEN {latest} THEN excluded.organisation_id ELSE {table}.organisation_id END,
        {following}
    RETURNING (xmax = 0) AS fresh
) SELECT count(*) FILTER (WHERE fresh) FROM told
""".format(  # noqa: S608
    table=TABLE,
    columns=", ".join(COLUMNS),
    arrays=ARRAYS,
    back=f"{TABLE}.status IN ('gone', 'solved') AND excluded.last_seen > {TABLE}.changed_at",
    latest=f"excluded.last_seen >= {TABLE}.last_seen",
    following=",\n        ".join(
        f"{name} = CASE WHEN excluded.last_seen >= {TABLE}.last_seen THEN excluded.{name} ELSE {TABLE}.{name} END"
        for name in LATEST
    ),
)


def _apply_postgres(rows: pl.DataFrame) -> int:
    # Rows come in key order, so that two files at once lock the same findings in the same order.
    with connection.cursor() as cursor:
        cursor.execute(UPSERT, [rows[name].to_list() for name in COLUMNS])
        return int(cursor.fetchone()[0])


INSERT = f"INSERT INTO {TABLE} ({', '.join(COLUMNS)}) VALUES ({', '.join(['?'] * len(COLUMNS))})"  # noqa: S608
SEEN = f"""
UPDATE {TABLE} SET count = count + ?, first_seen = min(first_seen, ?), last_seen = max(last_seen, ?) WHERE key = ?
"""  # noqa: S608
FOLLOWING = ",\n    ".join(
    f"{name} = CASE WHEN ?3 >= last_seen THEN ?{number} ELSE {name} END"
    for number, name in enumerate(LATEST, 6)
)
CHANGED = f"""
UPDATE {TABLE} SET
    status = CASE WHEN status IN ('gone', 'solved') AND ?3 > changed_at THEN 'back' ELSE status END,
    changed_at = CASE WHEN status IN ('gone', 'solved') AND ?3 > changed_at THEN ?3 ELSE changed_at END,
    notified_at = CASE WHEN ?3 >= last_seen AND organisation_id IS NOT ?5 THEN NULL ELSE notified_at END,
    organisation_id = CASE WHEN ?3 >= last_seen THEN ?5 ELSE organisation_id END,
    {FOLLOWING},
    count = count + ?1,
    first_seen = min(first_seen, ?2),
    last_seen = max(last_seen, ?3)
WHERE key = ?4
"""  # noqa: S608
KNOWN = f"""
SELECT key, status IN ('gone', 'solved'), organisation_id, {", ".join(LATEST)}
FROM {TABLE} WHERE key IN (SELECT value FROM json_each(?))
"""  # noqa: S608


def _apply_sqlite(rows: pl.DataFrame) -> int:
    """Narrow updates for findings that were only seen again: they leave two of the three indexes alone."""
    rows = _for_sqlite(rows)
    marked = rows.join(_known(rows["key"].to_list()), on="key", how="left")
    new = marked.filter(pl.col("closed").is_null())
    known = marked.filter(pl.col("closed").is_not_null())
    changed = (
        pl.col("closed")
        | pl.col("organisation_id").ne_missing(pl.col("was_organisation"))
        | pl.any_horizontal(pl.col(name) != pl.col(f"was_{name}") for name in LATEST)
    )
    seen = ("count", "first_seen", "last_seen", "key")
    _many(INSERT, new.select(COLUMNS))
    _many(SEEN, known.filter(~changed).select(seen))
    _many(CHANGED, known.filter(changed).select(*seen, "organisation_id", *LATEST))
    return new.height


RESTATE = f"""
ON CONFLICT (key) DO UPDATE SET
    status = CASE WHEN {TABLE}.organisation_id IS NULL AND {TABLE}.status = 'gone' THEN 'open' ELSE {TABLE}.status END,
    changed_at = CASE WHEN {TABLE}.organisation_id IS NULL AND {TABLE}.status = 'gone'
                      THEN excluded.last_seen ELSE {TABLE}.changed_at END,
    notified_at = CASE WHEN {TABLE}.organisation_id IS DISTINCT FROM excluded.organisation_id
                       THEN NULL ELSE {TABLE}.notified_at END,
    organisation_id = excluded.organisation_id, {", ".join(f"{name} = excluded.{name}" for name in LATEST)},
    count = excluded.count, first_seen = excluded.first_seen, last_seen = excluded.last_seen
"""  # noqa: S608


def hold() -> None:
    """Let nobody else write findings until the caller's transaction ends. SQLite's has no other writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {TABLE} IN SHARE ROW EXCLUSIVE MODE")


def restate(told: pl.DataFrame) -> None:
    """Make findings say what the whole history says of them (see `EventTable.findings_with`); new ones are opened.

    One that lost its owner and was closed for that is open again. A new owner counts as one who was not told yet.
    """
    rows = prepared(told)
    if rows.is_empty():
        return
    if connection.vendor == "postgresql":
        statement = f"INSERT INTO {TABLE} ({', '.join(COLUMNS)}) SELECT * FROM unnest({ARRAYS}) {RESTATE}"  # noqa: S608
        with connection.cursor() as cursor:
            cursor.execute(statement, [rows[name].to_list() for name in COLUMNS])
    else:
        _many(INSERT + RESTATE, _for_sqlite(rows).select(COLUMNS))


def _for_sqlite(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        pl.col("organisation_id").str.replace_all("-", "", literal=True),
        *(_sqlite_time(name) for name in ("first_seen", "last_seen", "changed_at")),
    )


def _known(keys: Sequence[int]) -> pl.DataFrame:
    connection.ensure_connection()
    found = connection.connection.execute(KNOWN, [json.dumps(list(keys))]).fetchall()
    schema: dict[str, Any] = {
        "key": pl.Int64(), "closed": pl.Int64(), "was_organisation": pl.String(),
        **{f"was_{name}": pl.Int16() if name == "severity" else pl.String() for name in LATEST},
    }  # fmt: skip
    return pl.DataFrame(found, schema=schema, orient="row").with_columns(pl.col("closed").cast(pl.Boolean))


def _many(statement: str, rows: pl.DataFrame) -> None:
    if rows.height:
        # A few rows at a time: tens of thousands of tuples at once keep the garbage collector busy for nothing.
        connection.connection.executemany(statement, rows.iter_rows(buffer_size=1000))


def _sqlite_time(name: str) -> pl.Expr:
    """UTC time as Django writes it into SQLite: six digits of fraction, or none when it is zero."""
    column = pl.col(name).dt.convert_time_zone("UTC")
    return (
        pl.when(column.dt.microsecond() == 0)
        .then(column.dt.strftime("%Y-%m-%d %H:%M:%S"))
        .otherwise(column.dt.strftime("%Y-%m-%d %H:%M:%S.%6f"))
        .alias(name)
    )
