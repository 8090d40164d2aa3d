"""Small files become one: the same events, the same findings, and nothing lost whoever else writes or dies."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable, QueryBuilder
from tests.core.pipeline.feed import NOW, mapped, parts, row, store

from atalaya.core.store import EventTable, Question, compaction, layout

ALL = Question(states=frozenset({"BB", "TT"}), organisations=None, order="address", limit=1000)
FILES = 9


def sha(number: int) -> str:
    return f"{number:02x}" * 32


@pytest.fixture
def table(tmp_path: Path) -> EventTable:
    """Nine feed files of two days, each with events of both, one without an address and one of IPv6."""
    table = EventTable(tmp_path / "events")
    for number in range(FILES):
        rows = [
            row(source_port=number, source_ip=f"192.0.2.{200 - number}"),
            row(source_port=number, time_source=NOW - timedelta(days=1)),
            row(source_port=number, source_ip="2001:db8::1", malware_name="mirai" if number % 2 else None),
            row(source_ip=None, source_account=f"ana{number}"),
        ]
        store(table, mapped(*rows), sha256=sha(number))
    return table


def test_it_keeps_every_event_as_it_was(table: EventTable) -> None:
    before, count = table.rows(ALL), table.count(ALL)
    assert table.compact() == 2 * (FILES - 1)
    assert table.manifest().height == 2
    assert table.count(ALL) == count == table.manifest()["rows"].sum()
    assert table.rows(ALL).equals(before)


def test_it_leaves_a_table_that_others_can_read(table: EventTable) -> None:
    table.compact()
    delta = DeltaTable(table.path)
    found = (
        QueryBuilder().register("events", delta).execute("select count(*) as n from events where raw_row > 0")
    )
    assert found.read_all()["n"].to_pylist() == [4 * FILES]
    assert len(delta.file_uris()) == 2


def test_it_sorts_by_address(table: EventTable) -> None:
    table.compact()
    for path in table.manifest()["path"]:
        keys = compaction.reading.scan(table.path, [path]).select("source_ip_key").collect()["source_ip_key"]
        assert keys.is_sorted()


def test_it_still_finds_the_findings_of_a_file(table: EventTable) -> None:
    before = [table.findings_of("BB", sha(number)) for number in range(FILES)]
    table.compact()
    assert all(table.findings_of("BB", sha(number)).equals(before[number]) for number in range(FILES))
    keys = [table.finding_keys_of("BB", sha(number)).tolist() for number in range(FILES)]
    assert keys == [one["finding"].to_list() for one in before]
    assert before[0].height == 2


def test_it_still_finds_them_when_only_some_of_its_days_are_merged(table: EventTable) -> None:
    day = timedelta(days=5)
    store(table, mapped(row(time_source=NOW - day), row(source_port=99)), sha256="ff" * 32)
    before = table.findings_of("BB", "ff" * 32)
    table.compact()
    assert table.manifest().filter(day=(NOW - day).date()).height == 1
    assert table.findings_of("BB", "ff" * 32).equals(before)


def test_it_knows_the_merged_events_when_they_come_again(table: EventTable) -> None:
    table.compact()
    again = store(
        table, mapped(row(source_port=3, source_ip="192.0.2.197"), row(source_port=77)), sha256="ee" * 32
    )
    assert (again.kept, again.doubled) == (1, 1)


def test_it_leaves_few_and_large_files_alone(table: EventTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "FEWEST", FILES + 1)
    assert table.compact() == 0
    monkeypatch.setattr(compaction, "FEWEST", 2)
    monkeypatch.setattr(compaction, "SMALL_ROWS", 1)
    assert table.compact() == 0
    assert table.manifest().height == 2 * FILES


def test_it_makes_no_file_larger_than_it_can_hold(table: EventTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "MOST_ROWS", 9)
    count = table.count(ALL)
    table.compact()
    assert table.manifest()["rows"].max() <= 9
    assert table.count(ALL) == count


def test_it_takes_in_what_others_commit_meanwhile(table: EventTable, monkeypatch: pytest.MonkeyPatch) -> None:
    write = compaction.write

    def slow(*args: object, **kwargs: object) -> object:
        merged = write(*args, **kwargs)  # type: ignore[arg-type]
        store(table, mapped(row(source_port=1000 + int(time.time_ns() % 1000))), sha256=os.urandom(32).hex())
        return merged

    monkeypatch.setattr(compaction, "write", slow)
    count = table.count(ALL)
    assert table.compact() == 2 * (FILES - 1)
    assert table.count(ALL) == count + 2 == table.manifest()["rows"].sum()


def test_it_leaves_it_at_that_when_another_process_was_first(
    table: EventTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange, other = compaction.exchange, EventTable(table.path)

    def late(*args: object) -> bool:
        monkeypatch.setattr(compaction, "exchange", exchange)
        other.compact()
        return exchange(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(compaction, "exchange", late)
    count = table.count(ALL)
    assert table.compact() == 0
    assert table.count(ALL) == count
    assert other.manifest().height == 2
    assert len(parts(table)) == 2 * FILES + 2


def test_it_loses_nothing_when_it_dies_before_the_commit(
    table: EventTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(compaction, "exchange", die)
    before = table.rows(ALL)
    with pytest.raises(KeyboardInterrupt):
        table.compact()
    assert table.rows(ALL).equals(before)
    assert table.sweep(timedelta()) == 1


def test_it_keeps_the_old_files_for_a_day(table: EventTable) -> None:
    long_ago = time.time() - 10 * 86_400
    for path in parts(table):
        os.utime(path, (long_ago, long_ago))
    table.compact()
    assert table.sweep() == 0
    assert len(parts(table)) == 2 * FILES + 2
    assert table.sweep(timedelta()) == 2 * FILES
    assert table.count(ALL) == 4 * FILES


def test_it_makes_the_keys_of_another_epoch_anew(table: EventTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "EPOCH", "00000000")
    table.compact()
    assert all(layout.MIXED in path for path in table.manifest()["path"])
    again = store(table, mapped(row(source_port=3, source_ip="192.0.2.197")), sha256="ee" * 32)
    assert (again.kept, again.doubled) == (0, 1)
