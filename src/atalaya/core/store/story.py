"""The story of one address, domain or finding: its sightings day by day, and whose it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from atalaya.core.store import reading
from atalaya.core.store.question import Question
from atalaya.core.store.table import EventTable

MOST_ROWS = 200_000
"""Rows of `days`: each is one day of one kind of sighting."""


@dataclass(frozen=True)
class Story:
    """`days`: day, finding, type, identifier, port, feed, count, sorted by day. `owners`: owner, by, first, last, count,
    the first seen first. Both over all events of the question."""

    days: pl.DataFrame
    owners: pl.DataFrame
    first: datetime | None
    last: datetime | None
    count: int


def story(table: EventTable, question: Question) -> Story:
    """Everything that was seen of what a question asks for; its limit and offset are ignored."""
    files = reading.candidates(table.manifest(), question)
    seen = reading.answers(table.path, files, question)
    kinds = {
        "day": "day", "finding": "finding", "type": "classification_type", "identifier": "classification_identifier",
        "port": "source_port", "feed": "feed_code",
    }  # fmt: skip
    time = pl.col("time_source")
    count = pl.len().cast(pl.Int64)
    days = seen.group_by([pl.col(column).alias(name) for name, column in kinds.items()]).agg(count=count)
    owners = seen.group_by(owner=pl.col("owner"), by=pl.col("owner_by")).agg(
        first=time.min(), last=time.max(), count=count
    )
    all_days, all_owners = pl.collect_all([days, owners])
    return Story(
        days=all_days.sort("day", "type", "identifier", "port").head(MOST_ROWS),
        owners=all_owners.sort("first", "by", nulls_last=True),
        first=all_owners["first"].min(),  # type: ignore[arg-type]
        last=all_owners["last"].max(),  # type: ignore[arg-type]
        count=int(all_owners["count"].sum()),
    )
