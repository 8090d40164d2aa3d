"""Events that a rule changed, as their feed sent them."""

from __future__ import annotations

import polars as pl

from atalaya.core.schema.columns import field_of

CHANGED = ("classification_taxonomy", "classification_type", "classification_identifier", "severity")
"""Columns that a rule may change, in the order in which `rule_before` has them."""


def as_it_came(events: pl.LazyFrame) -> pl.LazyFrame:
    """Stored events with the columns that a rule changed as they were before. Needs `rule_before`."""
    return events.with_columns(_before(name) for name in CHANGED)


def _before(name: str) -> pl.Expr:
    said = pl.col("rule_before").str.json_path_match(f"$['{field_of(name)}']")
    given = pl.when(said != "").then(said)
    return pl.when(said.is_null()).then(pl.col(name)).otherwise(given).alias(name)
