"""What one feed file says about findings: read back from the committed events, so that it can be done again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import and_
from pathlib import Path

import numpy as np
import polars as pl

from atalaya.core.pipeline.dedupe import Keys
from atalaya.core.pipeline.identity import hosts
from atalaya.core.store import layout, reading

COLUMNS: dict[str, pl.DataType] = {
    "finding": pl.Int64(),
    "state": pl.String(),
    "owner": pl.String(),
    "feed_code": pl.String(),
    "classification_taxonomy": pl.String(),
    "classification_type": pl.String(),
    "classification_identifier": pl.String(),
    "severity": pl.String(),
    "address": pl.String(),
    "port": pl.Int64(),
    "malware": pl.String(),
    "cves": pl.String(),
    "first_seen": pl.Datetime("us", "UTC"),
    "last_seen": pl.Datetime("us", "UTC"),
    "count": pl.Int64(),
}
"""Columns of `of_file`."""

_READ = (
    "state", "owner", "feed_code", "classification_taxonomy", "classification_type", "classification_identifier",
    "severity", "source_port", "malware_name", "source_ip", "source_fqdn", "source_url", "source_account",
    "product_vulnerabilities",
)  # fmt: skip


def of_file(root: Path, files: pl.DataFrame, state: str, sha256: str) -> pl.DataFrame:
    """One row for each finding with an owner that the feed file tells of, sorted by key. `files` hold its events.

    First and last sight and count are of this file; everything else is of one of the latest sightings.
    """
    parts = [_owned(root, paths, state, sha256) for paths in reading.pieces(files)]
    return _of(parts, few=files["rows"].sum() <= reading.PIECE_ROWS)


def of_keys(
    root: Path, files: pl.DataFrame, state: str, keys: Keys, unfinished: Mapping[str, int | None]
) -> pl.DataFrame:
    """What the whole history says of some findings of a state, as `of_file` does of one feed file.

    `unfinished` are feed files (by hash) whose sightings are still being counted, in key order up to the given key (None:
    none yet): what is left of them is not in the answer.
    """
    wanted = pl.Series("finding", keys)
    known = [~(pl.col("raw_file") == sha256) | _counted(upto) for sha256, upto in unfinished.items()]
    condition = reduce(and_, known, pl.col("owner").is_not_null() & (pl.col("state") == state))
    parts = [
        reading.scan(root, paths, condition & pl.col("finding").is_in(wanted.implode())).select(
            "finding", "time_source", *_READ
        )
        for paths in reading.pieces(files.filter(layout.may_hold("state", [state])))
    ]
    return _of(parts, few=False)


def _counted(upto: int | None) -> pl.Expr:
    return pl.lit(False) if upto is None else pl.col("finding") <= upto


def _of(parts: list[pl.LazyFrame], *, few: bool) -> pl.DataFrame:
    if len(parts) == 1 and few:
        parts = [parts[0].collect().lazy()]  # read once, not for the numbers and again for the texts
    total = pl.DataFrame(schema=_NUMBERS)
    for number, part in enumerate(parts):
        # Part after part, so that memory follows the number of findings, not that of events.
        total = _sum(pl.concat([total, _numbers(part, number)]))
    texts = [_texts(part, total.filter(part=number)) for number, part in enumerate(parts)]
    return pl.concat([pl.DataFrame(schema=COLUMNS), *texts]).sort("finding")


_NUMBERS: dict[str, pl.DataType] = {
    "finding": pl.Int64(),
    "first_seen": pl.Datetime("us", "UTC"),
    "last_seen": pl.Datetime("us", "UTC"),
    "count": pl.Int64(),
    "part": pl.Int32(),
    "row": pl.Int64(),
}
"""A finding's numbers, and where its last sight is: the row among those with an owner in the part (some files)."""


def _owned(root: Path, paths: list[str], state: str, sha256: str) -> pl.LazyFrame:
    events = reading.scan(root, paths)
    if any(f"-{layout.MIXED}-" in path for path in paths):
        events = events.filter(raw_file=sha256, state=state)
    return events.filter(pl.col("owner").is_not_null()).select("finding", "time_source", *_READ)


def _numbers(part: pl.LazyFrame, number: int) -> pl.DataFrame:
    """One row for each run of equal findings: events come sorted by address, so most findings are one run."""
    events = part.select("finding", "time_source").collect()
    if events.is_empty():
        return pl.DataFrame(schema=_NUMBERS)
    finding, time = events["finding"].to_numpy(), events["time_source"].to_physical().to_numpy()
    starts = np.flatnonzero(np.diff(finding, prepend=finding[0] ^ 1))
    count = np.diff(starts, append=len(finding))
    last = np.maximum.reduceat(time, starts)
    seen_last = np.flatnonzero(time == np.repeat(last, count))
    moments = {"first_seen": np.minimum.reduceat(time, starts), "last_seen": last}
    return pl.DataFrame(
        {
            "finding": finding[starts],
            **{name: pl.Series(values).cast(_NUMBERS[name]) for name, values in moments.items()},
            "count": count,
            "part": pl.Series([number], dtype=pl.Int32()).new_from_index(0, len(starts)),
            "row": seen_last[np.searchsorted(seen_last, starts)],
        },
        schema=_NUMBERS,
    )


def _sum(numbers: pl.DataFrame) -> pl.DataFrame:
    """One row for each finding from several."""
    return (
        numbers.sort("last_seen", maintain_order=True)
        .group_by("finding")
        .agg(
            pl.col("first_seen").min(),
            pl.col("last_seen", "part", "row").last(),
            pl.col("count").sum(),
        )
        .select(_NUMBERS.keys())
    )


def _texts(part: pl.LazyFrame, numbers: pl.DataFrame) -> pl.DataFrame:
    """The finished rows of the findings whose last sight is in this part."""
    numbers = numbers.sort("row")
    events = part.select(_READ).collect()[numbers["row"]]
    told = events.select(
        "state", "owner", "feed_code", "classification_taxonomy", "classification_type", "classification_identifier",
        "severity", pl.coalesce("source_ip", hosts(events)).alias("address"), port="source_port", malware="malware_name",
        cves="product_vulnerabilities",
    )  # fmt: skip
    return pl.concat([told, numbers.drop("part", "row")], how="horizontal").select(COLUMNS.keys())
