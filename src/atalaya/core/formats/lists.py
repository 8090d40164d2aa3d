"""Plain lists: one address, prefix, domain or URL a line, with or without a remark behind it.

A line gives the columns `value` and `comment`. Lines that start with # or ; or // are comments and do not count; what
stands behind the first word of a line, with or without such a sign before it, is its remark.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase

import polars as pl

from atalaya.core import limits
from atalaya.core.formats import reasons
from atalaya.core.formats.batch import ROW, Batch, Reject, rejects_table
from atalaya.core.formats.blocks import Block, LineBlocks
from atalaya.core.formats.text import text_of

VALUE, COMMENT = "value", "comment"
BLOCK_BYTES = 2 * limits.MIB
SIGNS = "#;/"
LONG = reasons.LONG_CELL.format(limit=limits.CELL_CHARS)
NO_ROW = r"^(?:[#;].*|//.*)?$"


def read(stream: BufferedIOBase, *, first_row: int = 1) -> Iterator[Batch]:
    """Yield the lines of a list in batches with `value`, `comment` and `__row`; what is no text is a reject."""
    row = first_row
    blocks = LineBlocks(stream, size=BLOCK_BYTES)
    for block in blocks:
        batch = _batch(block, row)
        row += batch.rows.height + batch.rejects.height
        if batch.rows.height or batch.rejects.height:
            yield batch
    if blocks.cut_off is not None:
        raw = text_of(blocks.cut_off)
        yield Batch(
            _table(pl.Series([], dtype=pl.String())), rejects_table([Reject(row, "", reasons.TRUNCATED, raw)])
        )


def _batch(block: Block, first_row: int) -> Batch:
    """The rows of one block, numbered, and those that cannot be read."""
    lines = pl.Series(text_of(block.data, "utf-8-sig").split("\n"), dtype=pl.String())
    lines = lines.str.strip_chars()
    lines = lines.filter(~lines.str.contains(NO_ROW))
    rows = pl.int_range(first_row, first_row + len(lines), eager=True)
    nul = lines.str.contains("\0", literal=True)
    odd = nul | (lines.str.len_chars() > limits.CELL_CHARS)
    rejects = [
        Reject(row, "", reasons.NUL if is_nul else LONG, text)
        for row, text, is_nul in zip(rows.filter(odd), lines.filter(odd), nul.filter(odd), strict=True)
    ]
    if block.long_line is not None:
        raw = text_of(block.long_line)
        rejects.append(
            Reject(first_row + len(lines), "", reasons.LONG_ROW.format(limit=limits.LINE_BYTES), raw)
        )
    good = ~odd
    return Batch(
        _table(lines.filter(good)).with_columns(rows.filter(good).alias(ROW)), rejects_table(rejects)
    )


def _table(lines: pl.Series) -> pl.DataFrame:
    parts = lines.str.extract_groups(r"^(?<value>\S+)(?:\s+(?<comment>.*))?$")
    return pl.DataFrame(
        {
            VALUE: parts.struct.field("value"),
            COMMENT: parts.struct.field("comment").str.strip_chars_start(SIGNS + " \t"),
            ROW: pl.Series([], dtype=pl.Int64()).extend_constant(0, len(lines)),
        }
    )
