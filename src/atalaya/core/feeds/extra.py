"""`extra` as one JSON object a row, put together column by column, not row by row."""

from __future__ import annotations

import json

import polars as pl

SPECIAL = r'["\\\x00-\x1f]'
"""Characters that JSON wants escaped."""


def objects(
    columns: list[tuple[str, pl.Series]], ready: list[pl.Series], *, height: int, plain: bool
) -> pl.Series:
    """One JSON object a row from (key, values) pairs and from columns of ready objects; null where nothing is.

    Numbers and Booleans are written as such, text in quotation marks. `plain`: no text needs an escape.
    """
    columns = [(key, values) for key, values in columns if values.null_count() < height]
    # A column without gaps goes first: then every comma has something before it.
    columns.sort(key=lambda pair: pair[1].null_count() > 0)
    gapless = bool(columns) and not columns[0][1].null_count()
    parts = [part for key, values in columns for part in _pieces(key, values, plain=plain)]
    parts += [part for values in ready for part in _inside(values)]
    if not parts:
        return pl.Series([None] * height, dtype=pl.String())
    if gapless:
        start = _start(*columns[0])
        parts[0] = pl.lit("{" + start[1:])
        return pl.select(pl.concat_str(*parts, pl.lit("}"), ignore_nulls=True)).to_series()
    whole = pl.select(pl.concat_str(pl.lit(""), *parts, ignore_nulls=True).alias("whole"))
    inside = pl.col("whole").str.slice(1)
    return whole.select(pl.when(pl.col("whole") != "").then(pl.concat_str(pl.lit("{"), inside, pl.lit("}")))).to_series()


def _start(key: str, values: pl.Series) -> str:
    mark = '"' if values.dtype == pl.String() else ""
    return f",{json.dumps(key, ensure_ascii=False)}:{mark}"


def _pieces(key: str, values: pl.Series, *, plain: bool) -> list[pl.Expr]:
    """What one column adds: `,"key":value`, nothing where the value is null."""
    is_text = values.dtype == pl.String()
    start, end = pl.lit(_start(key, values)), [pl.lit('"')] if is_text else []
    written = pl.lit(escaped(values) if is_text and not plain else values)
    if not values.null_count():
        return [start, written, *end]
    there = pl.lit(values.is_not_null())
    return [pl.when(there).then(start), written, *(pl.when(there).then(mark) for mark in end)]


def _inside(values: pl.Series) -> list[pl.Expr]:
    """What a column of ready JSON objects adds: `,` and their inside."""
    inside = values.str.slice(1).str.strip_suffix("}")
    inside = inside.set(inside == "", None) if (inside == "").any() else inside
    if inside.null_count() == len(inside):
        return []
    return [pl.when(pl.lit(inside.is_not_null())).then(pl.lit(",")), pl.lit(inside)]


def escaped(column: pl.Series) -> pl.Series:
    """Text as it stands between quotation marks in JSON."""
    special = column.str.contains(SPECIAL)
    if not special.any():
        return column
    rows = special.fill_null(value=False).arg_true()
    values = [json.dumps(text, ensure_ascii=False)[1:-1] for text in column.gather(rows).to_list()]
    return column.scatter(rows, pl.Series(values, dtype=pl.String()))
