"""Small mapped batches, as `core.feeds` would hand them over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from atalaya.core.pipeline.attribute import Networks
from atalaya.core.pipeline.result import Result
from atalaya.core.pipeline.run import run
from atalaya.core.schema.columns import polars_schema
from atalaya.core.store import EventTable

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ORG = "00000000-0000-0000-0000-00000000000a"
OTHER = "00000000-0000-0000-0000-00000000000b"
NETWORKS = Networks.build([("192.0.2.0/24", ORG, None, None), ("198.51.100.0/24", OTHER, None, None)])
REJECTS = {"row": pl.Int64, "field": pl.String, "reason": pl.String, "raw": pl.String}


@dataclass(frozen=True)
class Mapped:
    events: pl.DataFrame
    rejects: pl.DataFrame
    rows_read: int


def row(**columns: Any) -> dict[str, Any]:
    return {
        "source_ip": "192.0.2.1", "source_port": 3389, "protocol_transport": "tcp", "feed_code": "scan-rdp",
        "classification_taxonomy": "vulnerable", "classification_type": "vulnerable-system",
        "classification_identifier": "open-rdp", "severity": "medium", "time_source": NOW - timedelta(hours=2),
        **columns,
    }  # fmt: skip


def mapped(*rows: dict[str, Any], first: int = 1, rejects: int = 0) -> Mapped:
    names = {name for one in rows for name in one}
    schema = {name: dtype for name, dtype in polars_schema().items() if name in names}
    events = pl.DataFrame(rows, schema=schema).with_columns(
        raw_row=pl.int_range(pl.len(), dtype=pl.Int64) + first
    )
    bad = [(first + len(rows) + n, "ip", "The value is not an IP address.", "x") for n in range(rejects)]
    return Mapped(events, pl.DataFrame(bad, schema=REJECTS, orient="row"), len(rows) + rejects)


def store(table: EventTable, *batches: Mapped, sha256: str = "aa" * 32, state: str = "BB") -> Result:
    return run(iter(batches), store=table, sha256=sha256, state=state, networks=NETWORKS, observed_at=NOW)


def parts(table: EventTable) -> list[Path]:
    return sorted(table.path.glob("day=*/*.parquet"))


def age(table: EventTable) -> EventTable:
    """Make the table's first file one whose keys another hash has made; the table, opened anew."""
    old = parts(table)[0]
    pl.read_parquet(old).with_columns(key=pl.lit(0, pl.Int64)).write_parquet(old)
    log = table.path / "_delta_log" / "00000000000000000001.json"
    name = old.name.replace(old.name.split("-")[0], "00000000")
    log.write_text(log.read_text().replace(old.name, name))
    old.rename(old.with_name(name))
    return EventTable(table.path)
