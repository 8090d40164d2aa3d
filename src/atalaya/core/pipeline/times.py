"""Events without a believable time are refused: their day would be a partition nobody looks at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=2)
"""How far in the future an event may lie: clocks are wrong and time zones get lost."""
TOO_OLD = "The time is before 1990."
TOO_NEW = "The time is more than two days in the future."


def believable(
    events: pl.DataFrame, rejects: pl.DataFrame, observed_at: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events whose time can be true, and the rejects with the others added. No time means `observed_at`."""
    if "time_source" not in events.columns:
        return events.with_columns(time_source=pl.lit(observed_at, _TIME)), rejects
    time = events["time_source"]
    if time.null_count():
        events = events.with_columns(pl.col("time_source").fill_null(pl.lit(observed_at, _TIME)))
    low, high = time.min(), time.max()
    if low is None or (low >= OLDEST and high <= observed_at + AHEAD):  # type: ignore[operator]
        return events, rejects
    old, new = pl.col("time_source") < OLDEST, pl.col("time_source") > observed_at + AHEAD
    refused = events.filter(old | new).select(
        row=pl.col("raw_row"),
        field=pl.lit("time.source"),
        reason=pl.when(old).then(pl.lit(TOO_OLD)).otherwise(pl.lit(TOO_NEW)),
        raw=pl.col("time_source").dt.to_string("iso:strict"),
    )
    return events.filter(~old, ~new), pl.concat([rejects.select(refused.columns), refused])


_TIME = pl.Datetime("us", "UTC")
