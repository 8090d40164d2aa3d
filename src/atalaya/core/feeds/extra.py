"""`extra` as one JSON object a row, put together column by column, not row by row."""

from __future__ import annotations

import json

import polars as pl

Part = str | pl.Series

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
    parts = [part for key, values in columns for part in _pieces(key, values, plain=plain)]
    parts += [part for values in ready for part in _inside(values)]
    if not parts:
        return pl.Series([None] * height, dtype=pl.String())
    if columns and not columns[0][1].null_count():
        parts[0] = "{" + str(parts[0])[1:]
        return _written([*parts, "}"], height)
    return _wrapped(_written(parts, height))


def _wrapped(inside: pl.Series) -> pl.Series:
    """Objects from their inside with a comma before it; null from ""."""
    row = pl.col("row")
    object_ = pl.concat_str(pl.lit("{"), row.str.slice(1), pl.lit("}"))
    return inside.to_frame("row").select(pl.when(row != "").then(object_)).to_series()


def _written(parts: list[Part], height: int) -> pl.Series:
    """The parts of each row written one after the other."""
    joined: list[Part] = []
    for part in parts:
        if joined and isinstance(part, str) and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    if len(joined) > 1:
        return pl.select(pl.concat_str(*(pl.lit(part) for part in joined))).to_series()
    return joined[0] if isinstance(joined[0], pl.Series) else pl.repeat(joined[0], height, eager=True)


def _pieces(key: str, values: pl.Series, *, plain: bool) -> list[Part]:
    """What one column adds: `,"key":value`, nothing where the value is null."""
    is_text = values.dtype == pl.String()
    end = '"' if is_text else ""
    start = f",{json.dumps(key, ensure_ascii=False)}:{end}"
    written = escaped(values) if is_text and not plain else values
    if values.null_count():
        return [_where_there(start, written, end)]
    if is_text and (written == written[0]).all():
        return [f"{start}{written[0]}{end}"]
    return [start, written, end]


def _where_there(start: str, values: pl.Series, end: str) -> pl.Series:
    """Each value between `start` and `end`, "" for null: a null in one part would slow down the writing of all parts."""
    whole = pl.concat_str(pl.lit(start), pl.lit(values), pl.lit(end)).fill_null("")
    return pl.select(whole).to_series()


def _inside(values: pl.Series) -> list[Part]:
    """What a column of ready JSON objects adds: `,` and their inside."""
    inside = values.str.slice(1).str.strip_suffix("}")
    inside = inside.set(inside == "", None) if (inside == "").any() else inside
    return [] if inside.null_count() == len(inside) else [_where_there(",", inside, "")]


def escaped(column: pl.Series) -> pl.Series:
    """Text as it stands between quotation marks in JSON."""
    special = column.str.contains(SPECIAL)
    if not special.any():
        return column
    rows = special.fill_null(value=False).arg_true()
    values = [json.dumps(text, ensure_ascii=False)[1:-1] for text in column.gather(rows).to_list()]
    return column.clone().scatter(rows, pl.Series(values, dtype=pl.String()))
