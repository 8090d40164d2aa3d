"""What a rule would have done to the events of some days: asked of the table, with every event as it came."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_

import polars as pl

from atalaya.core.pipeline.before import as_it_came
from atalaya.core.pipeline.rules import Rules
from atalaya.core.store import reading
from atalaya.core.store.ask.compiled import compiled
from atalaya.core.store.question import Question
from atalaya.core.store.table import EventTable


@dataclass(frozen=True)
class Trial:
    """`looked` events were looked at; the rule decides on `count` of them, and `taken` more fit it but an earlier rule
    decides. `owners`: owner (null: nobody), events and findings, most events first. `rows`: the latest, all columns, as
    they came."""

    looked: int
    count: int
    taken: int
    owners: pl.DataFrame
    rows: pl.DataFrame


def trial(table: EventTable, question: Question, rules: Rules, at: int, *, most: int = 10) -> Trial:
    """What rule number `at` would have done to the answers of a question; rows that a rule dropped are not there."""
    files = reading.candidates(table.manifest(), question)
    seen = as_it_came(reading.answers(table.path, files, question))
    earlier = (compiled(rule.where) for rule in rules.rules[:at])
    before, fits = reduce(or_, earlier, pl.lit(False)), compiled(rules.rules[at].where)
    asked = seen.with_columns(_fits=fits, _mine=fits & ~before)
    mine = asked.filter("_mine")
    number = pl.len().cast(pl.Int64)
    sums = asked.select(
        number.alias("looked"), pl.col("_fits").cast(pl.Int64).sum(), pl.col("_mine").cast(pl.Int64).sum()
    )
    owners = mine.group_by("owner").agg(events=number, findings=pl.col("finding").n_unique().cast(pl.Int64))
    order = [*reading.ORDERS["newest"]]
    rows = mine.drop("_fits", "_mine").sort(*order, descending=[True, False, False]).head(most)
    all_sums, all_owners, all_rows = pl.collect_all([sums, owners, rows], engine="streaming")
    looked, fitting, count = all_sums.row(0)
    return Trial(
        looked=looked,
        count=count or 0,
        taken=(fitting or 0) - (count or 0),
        owners=all_owners.sort("events", "owner", descending=[True, False], nulls_last=True),
        rows=all_rows,
    )
