"""The Shadowserver catalogue against the provider's own schema, and over real sample files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atalaya.core.feeds import Feed, catalogue, read, recognise
from atalaya.core.feeds.casts import CASTS
from atalaya.core.feeds.checking import idf, map_text
from atalaya.core.formats import reasons
from atalaya.core.schema.columns import BY_FIELD

DATA = Path(__file__).parents[4] / "shared" / "data" / "shadowserver"
needs_schema = pytest.mark.skipif(not DATA.exists(), reason="the provider's schema is not here")

REPORTS = 170
OLD_REPORTS = {"phish_url"}

ACCEPTED: dict[tuple[str, str], str] = {
    ("extra.naics", "extra.source.naics"): "IntelMQ writes the same fact under two keys; we use one.",
    ("extra.sector", "extra.source.sector"): "As naics.",
}
"""(their field, our field) -> why they may differ."""

DERIVED = {
    "scan_exchange_taxonomy": "Ours is a constant with a `when` rule.",
    "scan_exchange_type": "As the taxonomy.",
    "scan_exchange_identifier": "As the taxonomy.",
}
"""Their conversions that make a class out of a tag."""


def schema() -> dict[str, Any]:
    reports = json.loads((DATA / "intelmq.json").read_text())
    return {one["file_name"]: one for key, one in reports.items() if key != "_meta"}


def feed_of(report: str) -> Feed:
    return catalogue().get(f"shadowserver-{report.replace('_', '-')}")


def current() -> list[Feed]:
    old = {f"shadowserver-{name.replace('_', '-')}" for name in OLD_REPORTS}
    return [one for one in catalogue().feeds if one.provider == "Shadowserver" and one.code not in old]


def test_it_has_every_report_type() -> None:
    assert len(current()) == REPORTS


def differences(report: str, theirs: dict[str, Any]) -> Iterator[str]:
    feed = feed_of(report)
    for name, column, *how in theirs["required_fields"] + theirs["optional_fields"]:
        field = f"extra.{column}" if name == "extra." else name
        ours = [target.field for target in feed.columns.get(column, ())] or [f"extra.{column}"]
        fine = field in ours or any((field, one) in ACCEPTED for one in ours)
        if not fine and not (how and how[0] in DERIVED):
            yield f"{report}: {column} goes to {ours}, theirs to {field}"
        if column not in feed.layout:
            yield f"{report}: {column} is not in the layout"


@needs_schema
def test_it_maps_every_column_to_the_same_field() -> None:
    found = [text for report, theirs in schema().items() for text in differences(report, theirs)]
    assert found == []
    assert len(schema()) == REPORTS


@needs_schema
def test_it_has_the_same_constants() -> None:
    for report, theirs in schema().items():
        for field, value in theirs["constant_fields"].items():
            ours = feed_of(report).constants.get(field)
            # An application's name is held in lower case, as IntelMQ holds it.
            told = value.lower() if field == "protocol.application" else value
            assert ours == told.replace("blacklist", "blocklist"), (report, field)
        assert feed_of(report).name == theirs["feed_name"]
        assert feed_of(report).documentation.rstrip("/") == theirs.get("url", "").rstrip("/"), report


@needs_schema
def test_it_knows_the_columns_class_and_severity_of_every_report() -> None:
    severities = {
        cells[1].strip(): cells[3].strip()
        for cells in (line.split("|") for line in (DATA / "types.md").read_text().splitlines())
        if len(cells) > 3
    }
    for report, theirs in json.loads((DATA / "reports.json").read_text()).items():
        feed = feed_of(report)
        assert set(feed.layout) == set(theirs["fields"]), report
        assert len(feed.layout) == len(set(feed.layout)), report
        assert feed.severity == severities.get(report, feed.severity), report
        for part in ("taxonomy", "type"):
            value = theirs.get(f"classification.{part}")
            assert value in (None, feed.constants[f"classification.{part}"]), report


ODD_VALUES = {
    "timestamp": "2026-03-01 10:20:30",
    "ip": "192.0.2.7",
    "src_ip": "192.0.2.7",
    "http_referer_ip": "192.0.2.7",
    "dst_ip": "198.51.100.9",
    "asn": "64500",
    "src_asn": "64500",
    "tag": "cve-2021-26855;iot",
    "severity": "low",
}


def generated_value(feed: Feed, column: str) -> str:
    """A value that the column's first cast takes."""
    targets = feed.columns.get(column, ())
    cast = targets[0].cast if targets else "text"
    samples = {"port": "443", "int": "12", "nonzero": "34", "asn": "64501", "float": "1.5", "bool": "Y", "cc": "BB",
               "fqdn": "www.example.net", "url": "http://www.example.net/x", "md5": "a" * 32, "sha1": "b" * 40,
               "sha256": "c" * 64, "transport": "udp", "network": "192.0.2.0/24", "ip": "192.0.2.77"}  # fmt: skip
    return ODD_VALUES.get(column) or samples.get(cast, f"value of {column}")


@pytest.mark.parametrize("feed", current(), ids=lambda feed: feed.code)
def test_it_reads_a_row_with_every_column_of_every_report(feed: Feed) -> None:
    out = io.StringIO()
    writer = csv.DictWriter(out, feed.layout)
    row = {column: generated_value(feed, column) for column in feed.layout}
    writer.writeheader()
    writer.writerows([row, {**dict.fromkeys(row, ""), **{k: v for k, v in row.items() if k in ODD_VALUES}}])
    [mapped] = map_text(feed, out.getvalue().encode())
    assert mapped.rejects.height == 0, mapped.rejects.to_dicts()
    full, bare = idf(mapped.events)
    assert full["time.source"] == "2026-03-01T10:20:30Z"
    assert full["feed.code"] == feed.code
    assert full["severity"] == "low"
    for column in feed.layout:
        targets = [
            one
            for one in feed.columns.get(column, ())
            if one.field in BY_FIELD or not CASTS[one.cast].partial
        ]
        fields = [target.field for target in targets if target.field in BY_FIELD]
        keys = [target.key for target in targets if target.key] or ([] if fields else [column])
        assert not fields or any(field in full for field in fields), column
        assert all(key in full["extra"] for key in keys), column
    assert bare["time.source"] == full["time.source"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("2024-07-04-scan_rdp-123-x-asn.csv", "shadowserver-scan-rdp"),
        ("2020-04-03-scan_ics-sample-asn-delayed.csv", "shadowserver-scan-ics"),
        ("scan_rdp.csv", "shadowserver-scan-rdp"),
        ("scan_rdp", "shadowserver-scan-rdp"),
        ("2024-07-04-scan6_rdp-x.csv.gz", "shadowserver-scan6-rdp"),
        ("some/folder/scan_rdp.csv.zip", "shadowserver-scan-rdp"),
        ("C:\\in\\scan_rdp.zip", "shadowserver-scan-rdp"),
        ("event_sinkhole.csv", "shadowserver-event4-sinkhole"),
        ("2015-01-01-dns_openresolver-sample-asn.csv", "shadowserver-scan-dns"),
        ("2024-07-04-scan_teapot-x.csv", None),
        ("report.csv", None),
    ],
)
def test_it_finds_a_report_by_its_file_name(name: str, code: str | None) -> None:
    found = catalogue().find(name)
    assert (found.code if found else None) == code


def test_it_finds_a_report_by_its_columns_where_they_are_its_own() -> None:
    assert catalogue().find("x.csv", feed_of("scan_netis_router").layout) is feed_of("scan_netis_router")
    assert catalogue().find("x.csv", feed_of("scan_rdp").layout) is None


def test_it_calls_a_web_shell_an_intrusion() -> None:
    text = b"timestamp,ip,port,tag\n2026-03-01 10:20:30,192.0.2.7,443,exchange;webshell\n"
    text += b"2026-03-01 10:20:30,192.0.2.7,443,exchange;cve-2021-26855\n"
    [mapped] = map_text(feed_of("scan_exchange"), text)
    shell, weak = idf(mapped.events)
    assert (shell["classification.type"], shell["classification.taxonomy"]) == (
        "system-compromise",
        "intrusions",
    )
    assert (weak["classification.type"], weak["product.vulnerabilities"]) == (
        "vulnerable-system",
        "CVE-2021-26855",
    )


BAD_SAMPLE_ROWS = [
    "The row has 29 cells and the header 30.",
    "The row has 31 cells and the header 32.",
    "The row has 18 cells and the header 19.",
    reasons.ADDRESS,
]
"""Rows of the samples that were cut or made anonymous by hand."""


@needs_schema
@pytest.mark.parametrize(
    "path", sorted((DATA / "samples").glob("*.csv")) if DATA.exists() else [], ids=lambda p: p.stem
)
def test_it_reads_every_sample_and_accounts_for_every_row(path: Path) -> None:
    feed = recognise(path)
    assert feed is not None
    records = sum(1 for row in csv.reader(io.StringIO(path.read_text(), newline="")) if row) - 1
    batches = list(read(path, feed))
    assert sum(batch.rows_read for batch in batches) == records
    numbers: list[int] = []
    for batch in batches:
        assert batch.rows_read == batch.events.height + batch.rejects.height
        assert set(batch.rejects["reason"]) <= {*BAD_SAMPLE_ROWS}
        numbers += batch.events["raw_row"].to_list() + batch.rejects["row"].to_list()
    assert sorted(numbers) == list(range(1, records + 1))
