"""The observations behind a notice: read from the event table within one organisation, written as CSV."""

from __future__ import annotations

import csv
import io
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import polars as pl

from atalaya.apps.events.tables import event_table
from atalaya.core.schema.columns import field_of
from atalaya.core.store import Question
from atalaya.web import safe_csv

COLUMNS = (
    "time_source", "source_ip", "source_port", "protocol_transport", "protocol_application", "source_fqdn",
    "source_url", "source_account", "source_local_ip", "source_local_hostname", "source_reverse_dns", "source_asn", "classification_type",
    "classification_identifier", "severity", "malware_name", "malware_version", "malware_hash_md5",
    "malware_hash_sha256", "product_vendor", "product_name", "product_version", "product_vulnerabilities",
    "destination_ip", "destination_port", "destination_fqdn", "destination_url", "event_description_text",
    "event_description_url", "status", "feed_name", "extra",
)  # fmt: skip
"""What the owner gets, in this order. Columns that are empty in all rows are left out."""
SLACK = timedelta(days=30)
"""How far back to look for observations that came late, before the owner was last told."""


@dataclass(frozen=True)
class Since:
    """From when on observations of a finding belong into the notice: `seen` bounds the search by the event's time,
    `received` by when it came to the node (None: all of them). `address` is the finding's, and bounds it as well."""

    seen: datetime
    received: datetime | None = None
    address: str = ""


@dataclass(frozen=True)
class Rows:
    """Observations, the latest first. `total` counts all, `table` holds at most as many as were asked for.

    `markings` are all markings that stand on any of them; `feeds` the codes of the feeds they came from.
    """

    table: pl.DataFrame
    total: int
    markings: frozenset[str | None]
    feeds: frozenset[str]

    def csv(self) -> bytes:
        """UTF-8 with a byte order mark, so that spreadsheets know it. No cell begins a formula."""
        full = [name for name in self.table.columns if not _empty(self.table[name])]
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow([field_of(name) for name in full])
        for row in self.table.select(full).iter_rows():
            writer.writerow([_cell(value) for value in row])
        return text.getvalue().encode("utf-8-sig")


def _empty(column: pl.Series) -> bool:
    return column.max() in (None, "") if column.dtype == pl.String else column.null_count() == len(column)


def _cell(value: object) -> str:
    return str(safe_csv.safe(value)).replace("\0", "")


def rows_of(state: str, organisation: UUID, type: str, findings: Mapping[int, Since], *, most: int) -> Rows:
    """Observations of these findings (by key) that this organisation owns, the latest first, at most `most` of them."""
    if not findings:
        return Rows(pl.DataFrame(schema=dict.fromkeys(COLUMNS, pl.String())), 0, frozenset(), frozenset())
    wanted = pl.DataFrame(
        {
            "finding": list(findings),
            "received": [since.received for since in findings.values()],
        },
        schema={"finding": pl.Int64(), "received": pl.Datetime("us", "UTC")},
    )
    question = Question(
        states=frozenset({state}),
        organisations=frozenset({str(organisation)}),
        owner=str(organisation),
        type=type,
        hosts=_hosts(findings.values()),
        since=min(since.seen - (SLACK if since.received else timedelta()) for since in findings.values()),
    )
    kept: list[pl.DataFrame] = []
    total, markings, feeds = 0, set[str | None](), set[str]()
    for batch in event_table().batches(question):
        found = _matching(batch, wanted)
        total += found.height
        markings |= set(found["tlp"].to_list())
        feeds |= set(found["feed_code"].drop_nulls().to_list())
        kept = [_latest([*kept, found.select(COLUMNS)], most)]
    table = kept[0] if kept else pl.DataFrame(schema=dict.fromkeys(COLUMNS, pl.String()))
    return Rows(table, total, frozenset(markings), frozenset(feeds))


def _hosts(findings: Iterable[Since]) -> frozenset[str]:
    """Addresses that all rows are of; none when a finding is told by its name, or by nothing that we know."""
    hosts = frozenset(since.address for since in findings)
    return hosts if all(_is_address(host) for host in hosts) else frozenset()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _matching(batch: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    found = batch.join(wanted, on="finding", how="inner")
    return found.filter(pl.col("received").is_null() | (pl.col("time_observation") > pl.col("received")))


def _latest(parts: list[pl.DataFrame], most: int) -> pl.DataFrame:
    """Bounded as the rows come, so that a finding seen a million times does not fill the memory."""
    return (
        pl.concat(parts).sort("time_source", descending=True, nulls_last=True, maintain_order=True).head(most)
    )
