"""What one feed file says about findings: read back from the committed events, so that it can be done again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

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
    "first_seen": pl.Datetime("us", "UTC"),
    "last_seen": pl.Datetime("us", "UTC"),
    "count": pl.Int64(),
}
"""Columns of `of_file`."""

_READ = (
    "finding", "time_source", "state", "owner", "feed_code", "classification_taxonomy", "classification_type",
    "classification_identifier", "severity", "source_port", "malware_name", "source_ip", "source_fqdn", "source_url",
    "source_account",
)  # fmt: skip


def of_file(root: Path, files: pl.DataFrame, state: str, sha256: str) -> pl.DataFrame:
    """One row for each finding with an owner that the feed file tells of, sorted by key.

    First and last sight and count are of this file; everything else is of one of the latest sightings.
    """
    total = pl.DataFrame(schema=COLUMNS)
    for part in _parts(root, files, state, sha256):
        # Part after part, so that memory follows the number of findings, not that of events.
        total = _sum(pl.concat([total, _sightings(part)]))
    return total.sort("finding")


def _parts(root: Path, files: pl.DataFrame, state: str, sha256: str) -> Iterator[pl.DataFrame]:
    mixed = f"-{layout.MIXED}-"
    for path in files["path"]:
        if mixed not in path and f"-{layout.mark(state, sha256)}-" not in path:
            continue
        events = reading.scan(root, [path])
        if mixed in path:
            events = events.filter(raw_file=sha256, state=state)
        yield events.select(_READ).filter(pl.col("owner").is_not_null()).collect()


def _sightings(events: pl.DataFrame) -> pl.DataFrame:
    """One row for each finding; the texts are gathered only from the row of its last sight."""
    grouped = (
        events.select("finding", "time_source", row=pl.int_range(pl.len()))
        .sort("time_source")
        .group_by("finding")
        .agg(
            first_seen=pl.col("time_source").first(),
            last_seen=pl.col("time_source").last(),
            row=pl.col("row").last(),
            count=pl.len().cast(pl.Int64),
        )
    )
    latest = events[grouped["row"]]
    texts = latest.with_columns(
        address=pl.coalesce("source_ip", hosts(latest)),
        port=pl.col("source_port"),
        malware=pl.col("malware_name"),
    )
    return pl.concat([texts.drop("finding"), grouped], how="horizontal").select(COLUMNS.keys())


def _sum(sightings: pl.DataFrame) -> pl.DataFrame:
    """One row for each finding from several."""
    told = [name for name in COLUMNS if name not in ("finding", "first_seen", "last_seen", "count")]
    return (
        sightings.sort("last_seen", maintain_order=True)
        .group_by("finding")
        .agg(
            pl.col("first_seen").min(), pl.col("last_seen").last(), pl.col("count").sum(), pl.col(told).last()
        )
        .select(COLUMNS.keys())
    )
