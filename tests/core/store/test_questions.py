"""Questions to the event table, each filter and the scope around all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from tests.core.pipeline.feed import NOW, ORG, OTHER, mapped, row, store

from atalaya.core.errors import BadInput
from atalaya.core.schema.columns import polars_schema
from atalaya.core.store import EventTable, Question, reading
from atalaya.core.store.question import Order

ALL = Question(states=frozenset({"BB", "TT"}), organisations=None)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Seen:
    states: frozenset[str]
    organisations: frozenset[str] | None


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> EventTable:
    table = EventTable(tmp_path_factory.mktemp("store") / "events")
    rows = [
        row(source_port=1),
        row(source_port=2, source_ip="198.51.100.7", source_asn=64500, time_source=NOW - DAY),
        row(source_port=3, source_ip="2001:db8::1", source_fqdn="www.example.org", severity="high"),
        row(
            source_port=4,
            source_ip="2001:db8::ffff:1",
            source_fqdn="notexample.org",
            malware_name="avalanche",
        ),
        row(source_port=5, source_ip=None, source_account="ana", time_source=NOW - 9 * DAY),
        row(source_port=6, source_ip="0.0.0.1", classification_type="scanner", source_geolocation_cc="PA"),
        row(source_port=7, source_ip="0:0:0:1::", feed_code="scan-x", classification_identifier="y"),
    ]
    store(table, mapped(*rows))
    store(table, mapped(row(source_port=8)), sha256="bb" * 32, state="TT")
    return table


def ports(table: EventTable, question: Question = ALL, **filters: object) -> list[int]:
    return table.rows(replace(question, **filters))["source_port"].sort().to_list()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7, 8]),
        ({"ip": "192.0.2.1"}, [1, 8]),
        ({"ip": "2001:DB8:0::1"}, [3]),
        ({"ip": "0.0.0.1"}, [6]),
        ({"ip": "0:0:0:1::"}, [7]),
        ({"prefix": "198.51.100.0/24"}, [2]),
        ({"prefix": "2001:db8::/32"}, [3, 4]),
        ({"prefix": "2001:db8::/112"}, [3]),
        ({"prefix": "::/0"}, [3, 4, 7]),
        ({"prefix": "0.0.0.0/0"}, [1, 2, 6, 8]),
        ({"hosts": frozenset({"192.0.2.1", "198.51.100.7"})}, [1, 2, 8]),
        ({"hosts": frozenset({"2001:db8::9"})}, [3, 4]),
        ({"hosts": frozenset({"203.0.113.9"})}, []),
        ({"hosts": frozenset({"0:0:0:1::"})}, [6, 7]),
        ({"asn": 64500}, [2]),
        ({"domain": "Example.org"}, [3]),
        ({"owner": OTHER}, [2]),
        ({"unowned": True}, [3, 4, 5, 6, 7]),
        ({"type": "scanner"}, [6]),
        ({"taxonomy": "vulnerable", "identifier": "y"}, [7]),
        ({"severity": "high"}, [3]),
        ({"malware": "Avalanche"}, [4]),
        ({"port": 5}, [5]),
        ({"country": "pa"}, [6]),
        ({"feed": "scan-x"}, [7]),
        ({"raw_file": "bb" * 32}, [8]),
        ({"raw_file": "aa" * 32, "raw_row": 3}, [3]),
        ({"since": NOW - DAY}, [1, 2, 3, 4, 6, 7, 8]),
        ({"until": NOW - DAY}, [5]),
        ({"until": NOW - DAY + timedelta(seconds=1)}, [2, 5]),
        ({"since": NOW - 9 * DAY, "until": NOW - 9 * DAY + timedelta(microseconds=1)}, [5]),
        ({"type": "nothing"}, []),
    ],
)
def test_it_filters(table: EventTable, filters: dict[str, object], expected: list[int]):
    assert ports(table, **filters) == expected
    assert table.count(replace(ALL, **filters)) == len(expected)  # type: ignore[arg-type]


def test_it_finds_the_events_of_a_finding(table: EventTable):
    finding = table.rows(replace(ALL, port=2))["finding"][0]
    assert ports(table, finding=finding) == [2]


@pytest.mark.parametrize(
    ("states", "organisations", "expected"),
    [
        (set(), None, []),
        ({"TT"}, None, [8]),
        ({"BB"}, {ORG}, [1]),
        ({"BB", "TT"}, {ORG, OTHER}, [1, 2, 8]),
        ({"BB"}, set(), []),
        ({"JM"}, None, []),
    ],
)
def test_it_answers_only_within_the_scope(
    table: EventTable, states: set[str], organisations: set[str] | None, expected: list[int]
):
    scope = None if organisations is None else frozenset(organisations)
    question = Question(states=frozenset(states), organisations=scope)
    assert ports(table, question) == expected
    assert table.count(question) == len(expected)
    assert table.histogram(question)["count"].sum() == len(expected)
    assert table.top(question, "source_port")["value"].sort().to_list() == expected
    assert sum(part.height for part in table.batches(question)) == len(expected)
    seen = Seen(frozenset(states), scope)
    assert [table.one("aa" * 32, 1, seen) is not None, table.one("bb" * 32, 1, seen) is not None] == [
        1 in expected,
        8 in expected,
    ]


def test_it_has_no_question_without_a_scope():
    with pytest.raises(TypeError):
        Question()  # type: ignore[call-arg]


def test_it_pages_newest_first(table: EventTable):
    times = table.rows(replace(ALL, limit=100))["time_source"].to_list()
    assert times == sorted(times, reverse=True)
    pages = [table.rows(replace(ALL, offset=offset, limit=3))["raw_row"].to_list() for offset in (0, 3, 6, 9)]
    assert [len(page) for page in pages] == [3, 3, 2, 0]
    assert sum(pages, []) == table.rows(replace(ALL, limit=100))["raw_row"].to_list()
    oldest = table.rows(replace(ALL, order="oldest"))["time_source"].to_list()
    assert oldest == sorted(times)


def test_it_orders_by_address(table: EventTable):
    keys = table.rows(replace(ALL, order="address"))["source_ip_key"].to_list()
    assert keys[-1] is None
    assert keys[:-1] == sorted(keys[:-1])


def test_it_answers_with_all_columns(table: EventTable):
    answer = table.query(replace(ALL, limit=2))
    assert answer.count == 8
    assert dict(answer.rows.schema) == polars_schema()


@pytest.mark.parametrize("few", [0, 1, 100])
@pytest.mark.parametrize("order", ["newest", "oldest", "address"])
def test_it_answers_about_addresses_in_one_pass_as_in_two(
    table: EventTable, monkeypatch: pytest.MonkeyPatch, few: int, order: Order
):
    monkeypatch.setattr(reading, "FEW", few)
    for asked in (
        {"ip": "192.0.2.1"},
        {"prefix": "192.0.2.0/24"},
        {"hosts": frozenset({"192.0.2.1", "255.0.0.1"})},
    ):
        for offset in (0, 1, 50):
            question = replace(ALL, order=order, offset=offset, limit=2, **asked)  # type: ignore[arg-type]
            answer = table.query(question)
            assert answer.count == table.count(question) > 0
            assert answer.rows.equals(table.rows(question))


def test_it_reads_only_the_columns_wanted_and_those_of_the_order(table: EventTable):
    whole = table.rows(replace(ALL, ip="192.0.2.1"))
    for answer in (
        table.query(replace(ALL, ip="192.0.2.1"), ["source_port"]).rows,
        table.rows(replace(ALL, ip="192.0.2.1"), ["source_port"]),
    ):
        assert answer.columns == ["source_port", "time_source", "raw_file", "raw_row"]
        assert answer.equals(whole.select(answer.columns))


def test_it_draws_a_histogram_of_whole_hours_or_days(table: EventTable):
    found = table.histogram(ALL, buckets=12)
    assert found.schema == {"time": pl.Datetime("us", "UTC"), "type": pl.String, "count": pl.Int64}
    assert found["count"].sum() == 8
    assert all(time.hour == 0 for time in found["time"])
    narrow = table.histogram(replace(ALL, since=NOW - DAY, until=NOW), buckets=24)
    assert set(narrow["time"]) == {datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 2, 10, tzinfo=UTC)}


def test_it_counts_the_most_frequent_values(table: EventTable):
    assert table.top(ALL, "owners").rows() == [(ORG, 2), (OTHER, 1)]
    assert table.top(ALL, "classification_type", 1).rows() == [("vulnerable-system", 7)]
    with pytest.raises(BadInput, match="no column"):
        table.top(ALL, "nothing")


def test_it_refuses_what_is_no_address(table: EventTable):
    with pytest.raises(BadInput, match="neither"):
        table.rows(replace(ALL, ip="192.0.2"))


@pytest.mark.parametrize(
    ("rows", "files", "pieces"), [(50_000, 256, 1), (1, 256, 4), (50_000, 2, 2), (5, 256, 2)]
)
def test_it_reads_small_files_together_and_large_ones_alone(
    table: EventTable, monkeypatch: pytest.MonkeyPatch, rows: int, files: int, pieces: int
):
    monkeypatch.setattr(reading, "PIECE_ROWS", rows)
    monkeypatch.setattr(reading, "PIECE_FILES", files)
    found = list(table.batches(ALL))
    assert len(found) == pieces
    together = pl.concat(found)
    assert sorted(together["source_port"]) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert together["day"].is_sorted(descending=True)


def test_it_reads_a_large_file_part_by_part(table: EventTable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "PIECE_ROWS", 1)
    monkeypatch.setattr(reading, "PART_ROWS", 2)
    for question in (ALL, replace(ALL, states=frozenset({"BB"})), replace(ALL, type="vulnerable-system")):
        found = list(table.batches(question))
        assert max(batch.height for batch in found) <= 2
        expected = table.rows(replace(question, limit=100))
        assert pl.concat(found).sort("raw_file", "raw_row").equals(expected.sort("raw_file", "raw_row"))


def test_it_opens_only_files_that_may_hold_one_of_the_hosts(table: EventTable):
    def opened(*hosts: str) -> list[int]:
        found = reading.candidates(table.manifest(), replace(ALL, hosts=frozenset(hosts)))
        return sorted(found["rows"])

    everything = sorted(table.manifest()["rows"])
    assert everything == [1, 1, 1, 5] and opened() == everything
    assert opened("198.51.100.7") == [1, 1, 5], "without addresses of its own a file may hold anything"
    assert opened("192.0.2.1") == [1, 1, 5]
    assert opened("255.0.0.1") == [1, 5]
    assert opened("255.0.0.1", "198.51.100.7") == [1, 1, 5]
    with pytest.raises(BadInput, match="neither"):
        opened("www.example.org")


def test_it_answers_from_an_empty_table(tmp_path: Path):
    table = EventTable(tmp_path / "events")
    assert table.rows(ALL).height == 0 and table.count(ALL) == 0
    assert table.histogram(ALL).is_empty() and table.top(ALL, "owner").is_empty()
    assert list(table.batches(ALL)) == []
    assert table.committed("BB", "aa" * 32) is None
    assert table.sweep() == 0
