"""Daily counts out of the event table: the small table that everything else here is made of.

A count is of findings, not of events: an address that a feed saw a thousand times in a day counts as one, as long as what
it has to fix is the same. Days are days of UTC, as those of the feeds' reports and of the event table are.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import date
from pathlib import Path
from threading import Lock

import polars as pl

from atalaya.core.pipeline.identity import EPHEMERAL
from atalaya.core.store import EventTable, layout, reading

DIMENSIONS = ("class", "organisation", "feed", "malware", "identifier", "port", "product", "destination")
"""What a cell is told apart by, besides its day. Text, null where the events do not say."""
CELLS: dict[str, pl.DataType] = {
    "day": pl.Date(), **dict.fromkeys((*DIMENSIONS, "provider"), pl.String()), "count": pl.Int64(),
}  # fmt: skip
"""One row for each day and combination of values that was seen; `count` findings. `provider`: who provides the feed."""
PEAKS: dict[str, pl.DataType] = {
    "day": pl.Date(), "dimension": pl.String(), "value": pl.String(), "count": pl.Int64(),
}  # fmt: skip
"""The busiest hour of each day: most findings of a class, or of an organisation, within one hour."""
_KEPT_DAYS = 400
"""Days of which a process remembers the counts."""
_kept: OrderedDict[tuple[str, str, date], tuple[int, pl.DataFrame, pl.DataFrame]] = OrderedDict()
_lock = Lock()


def of_table(table: EventTable, state: str, first: date, last: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """CELLS and PEAKS of the events that a state's team received, from day `first` to `last`, both included.

    Days are read one after the other, so memory follows one day's findings. Files of the table never change: a day whose
    list of files is the one of last time is not read again by this process.
    """
    files = table.manifest().filter(pl.col("day").is_between(first, last), layout.may_hold("state", [state]))
    found = [
        _day(table.path, state, day[0], part) for day, part in files.group_by("day", maintain_order=True)
    ]
    cells = pl.concat([pl.DataFrame(schema=CELLS), *(one for one, _ in found)])
    return cells, pl.concat([pl.DataFrame(schema=PEAKS), *(one for _, one in found)])


def _day(root: Path, state: str, day: date, files: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    mark = hash(tuple(sorted(files["path"])))
    key = (str(root), state, day)
    with _lock:
        kept = _kept.get(key)
        if kept is not None and kept[0] == mark:
            _kept.move_to_end(key)
            return kept[1], kept[2]
    cells, peaks = _read(root, state, day, list(files["path"]))
    with _lock:
        _kept[key] = (mark, cells, peaks)
        while len(_kept) > _KEPT_DAYS:
            _kept.popitem(last=False)
    return cells, peaks


def _read(root: Path, state: str, day: date, paths: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    kind = pl.col("classification_type").fill_null("undetermined")
    # A machine that calls out does so from a port of the moment: the other end's tells what it called.
    port = pl.when(kind.is_in(list(EPHEMERAL))).then("destination_port").otherwise("source_port")
    events = reading.scan(root, paths).filter(pl.col("state") == state).select(
        "finding",
        provider=pl.coalesce("feed_provider", "feed_code"),
        hour=pl.col("time_source").dt.hour(),
        **{"class": kind},
        organisation="owner",
        feed="feed_code",
        malware="malware_name",
        identifier="classification_identifier",
        port=port.cast(pl.String()),
        product="product_name",
        destination=pl.coalesce("destination_fqdn", "destination_ip"),
    )  # fmt: skip
    # The hour is kept until both tables are made of the same pass over the files.
    seen = events.unique(["hour", "finding", "provider", *DIMENSIONS]).collect(engine="streaming")
    cells = seen.group_by(*DIMENSIONS, "provider").agg(count=pl.col("finding").n_unique().cast(pl.Int64))
    peaks = pl.concat([_peaks(seen, dimension) for dimension in ("class", "organisation")])
    at = pl.lit(day).alias("day")
    return cells.select(at, *list(CELLS)[1:]).cast(CELLS), peaks.select(at, *list(PEAKS)[1:]).cast(PEAKS)  # type: ignore[arg-type]


def _peaks(seen: pl.DataFrame, dimension: str) -> pl.DataFrame:
    hours = seen.drop_nulls(dimension).group_by(dimension, "hour").agg(count=pl.col("finding").n_unique())
    return hours.group_by(value=dimension).agg(pl.col("count").max()).with_columns(
        dimension=pl.lit(dimension), value=pl.col("value").cast(pl.String())
    ).select("dimension", "value", "count")  # fmt: skip
