"""Delegated statistics, country lists, reverse names and CISA's catalogue: read strictly, refused with the place."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.core.enrich.test_mmdb import answers

from atalaya.core import limits
from atalaya.core.enrich import delegated, kev, names
from atalaya.core.enrich.filling import References
from atalaya.core.enrich.table import Table, merged
from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.pipeline.address import parse
from atalaya.core.pipeline.same import Events

SHARED = Path(__file__).parents[4] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not here")
HEAD = "2|lacnic|20260301|5|19870101|20260228|-0300\nlacnic|*|ipv4|*|2|summary\n"
ROWS = """lacnic|TT|ipv4|192.0.2.0|256|20070212|allocated|x
lacnic|BB|ipv4|198.51.100.0|100|20080101|assigned|y
lacnic|TT|ipv6|2001:db8::|32|00000000|allocated|x
lacnic|JM|asn|64500|2|20100101|allocated|z
lacnic||ipv4|203.0.113.0|256||available|
lacnic|ZZ|ipv4|203.0.112.0|256||reserved|
"""


def table_of(tmp_path: Path, text: str | bytes, read: Any = delegated.read) -> Table:
    path = tmp_path / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found: Table = read(path)
    return found


def known(told: dict[str, Any]) -> tuple[Any, Any]:
    return told.get("source_geolocation_cc"), told.get("source_registry")


def test_it_knows_country_registry_and_day_of_an_address(tmp_path: Path) -> None:
    table = table_of(tmp_path, HEAD + ROWS)
    assert (table.part, table.released, table.rows) == ("lacnic", date(2026, 3, 1), 4)
    told = answers(
        table,
        ["192.0.2.255", "198.51.100.99", "198.51.100.100", "2001:db8:ffff::", "2001:db9::", "203.0.113.1"],
    )
    assert [known(one) for one in told] == [
        ("TT", "lacnic"), ("BB", "lacnic"), (None, None), ("TT", "lacnic"), (None, None), (None, None),
    ]  # fmt: skip
    assert told[0]["source_allocated"] == datetime(2007, 2, 12, tzinfo=UTC)
    assert "source_allocated" not in told[3]


def test_it_takes_the_country_of_an_as_number_only_without_an_address(tmp_path: Path) -> None:
    table = table_of(tmp_path, HEAD + ROWS)
    rows = pl.DataFrame(
        {"source_ip": ["192.0.2.1", None, None, "203.0.113.9"], "source_asn": [64500, 64501, 64502, 64500]}
    )
    told = References({"delegated": table}).fill(Events(rows), parse(rows["source_ip"]))
    assert told["source_geolocation_cc"].to_list() == ["TT", "JM", None, None]


def test_it_asks_files_of_several_registries_as_one(tmp_path: Path) -> None:
    other = table_of(tmp_path, "2|arin|20260301|1|1|1|0\narin|BS|ipv4|192.0.2.0|512|20070212|allocated|x\n")
    told = answers(
        merged([table_of(tmp_path, HEAD + ROWS), other]), ["192.0.2.1", "192.0.3.1", "198.51.100.1"]
    )
    assert [known(one) for one in told] == [("TT", "lacnic"), ("BS", "arin"), ("BB", "lacnic")]


@needs_shared
def test_it_reads_the_address_list_of_every_country() -> None:
    tables = [delegated.read(path) for path in sorted((SHARED / "rir").glob("*.json"))]
    assert len(tables) > 25 and {table.part for table in tables} >= {"bb", "tt", "jm"}
    told = answers(merged(tables), ["64.119.192.1", "2001:db8::1"])
    assert told[0]["source_geolocation_cc"] == "BB" and told[1] == {}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no row that says who has what"),
        ("lacnic|TT|ipv4|192.0.2.0|256|20070212|allocated\n", "Line 1 is not the version line"),
        (HEAD, "no row that says who has what"),
        (HEAD + "lacnic|TT|ipv4|192.0.2.0|256\n", "Line 3 is not a row"),
        (HEAD + ROWS + "lacnic|TT|ipv4|192.0.2|256|20070212|allocated|x\n", "Line 9: '192.0.2' with '256'"),
        (HEAD + "lacnic|TT|ipv4|255.255.255.0|257|20070212|allocated|x\n", "no range of ipv4"),
        (HEAD + "lacnic|TT|ipv4|192.0.2.0|0|20070212|allocated|x\n", "no range of ipv4"),
        (HEAD + "lacnic|TT|ipv6|2001:db8::1|32|20070212|allocated|x\n", "no range of ipv6"),
        (HEAD + "lacnic|TT|asn|AS64500|1|20070212|allocated|x\n", "no range of asn"),
        ('{"countryCode": "BB"}', "no countryCode and prefixes"),
        ('{"countryCode": "Barbados", "prefixes": {}}', "'Barbados' is not a country's code"),
        ('{"countryCode": "BB", "prefixes": {"ipv4": []}}', "has no prefixes"),
        ('{"countryCode": "BB", "prefixes": {"ipv4": ["192.0.2.1/24"]}}', "'192.0.2.1/24' is not a prefix"),
        ('{"countryCode": "BB", "prefixes": {"ipv4": ["2001:db8::/32"]}}', "of the other family"),
        ("{" * 5000, "no countryCode"),
    ],
)  # fmt: skip
def test_it_says_what_is_wrong_with_delegated_statistics(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(BadInput, match=what.replace("(", r"\(")):
        table_of(tmp_path, text)


def test_it_bounds_what_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REFERENCE_ROWS", 3)
    for text, read in ((HEAD + ROWS, delegated.read), ("192.0.2.1,a\n" * 4, names.read)):
        with pytest.raises(TooLarge, match="more than 3 rows"):
            table_of(tmp_path, text, read)
    monkeypatch.setattr(limits, "REFERENCE_TEXT_BYTES", 10)
    for read in (delegated.read, names.read):
        with pytest.raises(TooLarge, match="10 bytes"):
            table_of(tmp_path, HEAD, read)


def test_it_reads_reverse_names(tmp_path: Path) -> None:
    table = table_of(
        tmp_path,
        'Address,Name\n192.0.2.1,Old.example\n\n192.0.2.1,"Mail.Example."\n2001:db8::1,six.example\n',
        names.read,
    )
    told = answers(table, ["192.0.2.1", "192.0.2.2", "2001:db8::1"])
    assert [one.get("source_reverse_dns") for one in told] == ["mail.example", None, "six.example"]
    assert table.rows == 3


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("address,name\n", "no address with a name"),
        ("192.0.2.1\n", "Line 1 has no name"),
        ("address,name\n192.0.2.1,a\nx,b\n", "Line 3: 'x' is not an address"),
        ("192.0.2.1,<b>\n", "Line 1: '<b>' is not a name"),
        ("192.0.2.1," + "a." * 130 + "a\n", "is not a name"),
        (b"192.0.2.1,a\n192.0.2.2,\xff\n", "is not CSV in UTF-8"),
        ('192.0.2.1,a\n192.0.2.2,"b\n', "Line 3 is not CSV"),
    ],
)
def test_it_says_what_is_wrong_with_reverse_names(tmp_path: Path, text: str | bytes, what: str) -> None:
    with pytest.raises(BadInput, match=what):
        table_of(tmp_path, text, names.read)


@needs_shared
def test_it_reads_the_catalogue_of_known_exploited_vulnerabilities() -> None:
    found = kev.read(SHARED / "vulnerabilities" / "kev.json")
    assert (len(found.entries), found.version, found.released) == (1404, "2025.08.25", date(2025, 8, 25))
    log4shell = found.entries["CVE-2021-44228"]
    assert log4shell.ransomware and log4shell.due == date(2021, 12, 24) and "Log4j2" in log4shell.product
    assert not found.entries["CVE-2025-48384"].ransomware


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[]", "no list of vulnerabilities"),
        ("{", "not JSON"),
        ('{"vulnerabilities": []}', "no list of vulnerabilities"),
        (
            json.dumps({"vulnerabilities": [{"cveID": "CVE-2021-44228"}, {"cveID": "x"}]}),
            "Entry 2 of the catalogue .* 'x'",
        ),
        (json.dumps({"vulnerabilities": ["CVE-2021-44228"]}), "Entry 1"),
    ],
)
def test_it_says_what_is_wrong_with_a_catalogue(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(BadInput, match=what):
        table_of(tmp_path, text, kev.read)
