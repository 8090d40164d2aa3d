"""One feed file, stored whole or not at all, once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.core.pipeline.feed import NOW, ORG, Mapped, age, mapped, parts, row, store

from atalaya.core import limits
from atalaya.core.pipeline import run as run_module
from atalaya.core.pipeline import times
from atalaya.core.store import EventTable, Question

ALL = Question(states=frozenset({"BB", "TT"}), organisations=None)


@pytest.fixture
def table(tmp_path: Path) -> EventTable:
    return EventTable(tmp_path / "events")


def test_it_accounts_for_every_row(table: EventTable):
    result = store(table, mapped(row(), row(), row(source_port=443), rejects=2))
    assert (result.rows_read, result.kept, result.doubled, result.rejected) == (5, 2, 1, 2)
    assert result.committed
    assert result.first_event_at == result.last_event_at == NOW - timedelta(hours=2)
    assert result.rejects["count"].to_list() == [1, 1]


def test_it_fills_in_what_the_node_knows(table: EventTable):
    store(table, mapped(row()))
    event = table.rows(ALL).row(0, named=True)
    assert event["owner"] == ORG and event["owners"] == [ORG] and event["owner_by"] == "192.0.2.0/24"
    assert event["state"] == "BB" and event["raw_file"] == "aa" * 32 and event["raw_row"] == 1
    assert event["time_observation"] == NOW and event["day"] == NOW.date()
    assert event["source_ip_key"] == 0xC0000201


def test_it_stores_a_file_once_and_remembers_its_counts(table: EventTable):
    first = store(table, mapped(row(), row(), rejects=1))

    def never() -> Iterator[Mapped]:
        raise AssertionError("the file was read again")
        yield

    again = run_module.run(never(), store=table, sha256="aa" * 32, state="BB", networks=None, observed_at=NOW)  # type: ignore[arg-type]
    assert not again.committed
    assert again.counts() == first.counts()
    assert again.rejects.is_empty()


def test_it_finds_the_counts_of_an_old_file(table: EventTable):
    store(table, mapped(row(), rejects=3), sha256="00" * 32)
    for number in range(25):
        store(table, mapped(row(source_port=number)), sha256=f"{number + 1:064x}")
    assert store(table, sha256="00" * 32).rejected == 3


def test_it_knows_doubles_from_other_files_of_the_day_feed_and_state(table: EventTable):
    store(table, mapped(row(), row(source_port=1)))
    assert store(table, mapped(row(), row(source_port=2)), sha256="bb" * 32).doubled == 1
    assert store(table, mapped(row(feed_code="other")), sha256="cc" * 32).doubled == 0
    assert store(table, mapped(row()), sha256="aa" * 32, state="TT").doubled == 0
    later = row(time_source=NOW - timedelta(days=1))
    assert store(table, mapped(later), sha256="dd" * 32).doubled == 0
    assert table.count(ALL) == 6


def test_it_knows_doubles_across_batches_and_chunks(table: EventTable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run_module, "CHUNK_ROWS", 2)
    batches = [mapped(row(source_port=n % 3), row(source_port=n), first=2 * n + 1) for n in range(6)]
    result = store(table, *batches)
    assert (result.kept, result.doubled) == (6, 6)
    assert sorted(table.rows(ALL)["source_port"]) == [0, 1, 2, 3, 4, 5]


def test_it_recomputes_keys_made_by_another_hash(table: EventTable):
    store(table, mapped(row(), row(source_port=1)))
    assert store(age(table), mapped(row(), row(source_port=2)), sha256="bb" * 32).doubled == 1


def test_it_refuses_times_that_cannot_be_true(table: EventTable):
    old, new = (
        row(time_source=times.OLDEST - timedelta(seconds=1)),
        row(time_source=NOW + timedelta(days=2, seconds=1)),
    )
    result = store(
        table, mapped(old, row(time_source=times.OLDEST), row(time_source=NOW + timedelta(days=2)), new)
    )
    assert (result.kept, result.rejected) == (2, 2)
    assert result.rejects.select("row", "field", "reason").rows() == [
        (1, "time.source", times.TOO_OLD),
        (4, "time.source", times.TOO_NEW),
    ]


def test_it_takes_the_time_of_receipt_where_a_feed_has_none(table: EventTable):
    bare = row()
    del bare["time_source"]
    store(table, mapped(bare))
    store(table, mapped(row(time_source=None), row(source_port=1)), sha256="bb" * 32)
    assert set(table.rows(ALL)["time_source"]) == {NOW, NOW - timedelta(hours=2)}


def test_it_stores_events_without_any_address(table: EventTable):
    bare = {"feed_code": "accounts", "source_account": "ana@example.org", "time_source": NOW}
    assert store(table, mapped(bare, bare)).kept == 1
    assert table.rows(ALL).row(0, named=True)["source_ip_key"] is None


def test_it_keeps_so_many_rejects_and_counts_the_rest(table: EventTable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "REJECTS_KEPT", 3)
    result = store(table, mapped(row(), rejects=2), mapped(rejects=2, first=4), mapped(rejects=4, first=6))
    assert result.rejected == 8
    assert result.rejects["count"].to_list() == [1, 1, 1, 5]
    assert result.rejects.row(3, named=True)["row"] is None


def test_it_records_a_file_without_a_good_row(table: EventTable):
    assert store(table, mapped(rejects=2)).kept == 0
    assert table.committed("BB", "aa" * 32) is not None
    assert table.count(ALL) == 0
    assert table.findings_of("BB", "aa" * 32).is_empty()


def test_it_leaves_nothing_behind_when_reading_fails(table: EventTable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run_module, "CHUNK_ROWS", 1)

    def broken() -> Iterator[Mapped]:
        yield mapped(row())
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        run_module.run(
            broken(), store=table, sha256="aa" * 32, state="BB", networks=run_networks(), observed_at=NOW
        )
    assert parts(table) == []
    assert store(table, mapped(row())).kept == 1


def run_networks() -> object:
    from tests.core.pipeline.feed import NETWORKS

    return NETWORKS


CHILD = """
import sys
from tests.core.pipeline.feed import *
from atalaya.core.pipeline import run as run_module
run_module.CHUNK_ROWS = 50
def batches():
    for number in range(40):
        yield mapped(*[row(source_port=n) for n in range(50 * number, 50 * number + 50)], first=50 * number + 1)
store(EventTable(sys.argv[1]), *batches(), sha256=sys.argv[2])
"""


def child(table: EventTable, sha256: str) -> subprocess.Popen[bytes]:
    root = Path(__file__).resolve().parents[3]
    environment = {"PYTHONPATH": f"{root / 'src'}:{root}", "PATH": ""}
    return subprocess.Popen([sys.executable, "-c", CHILD, str(table.path), sha256], cwd=root, env=environment)


@pytest.mark.slow
def test_it_shows_all_or_nothing_after_a_kill(table: EventTable):
    table.manifest()
    for moment in (0.4, 0.8, 1.2, 1.6, 2.0):
        process = child(table, "ee" * 32)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert table.count(ALL) in (0, 2000)
    assert child(table, "ee" * 32).wait() == 0
    assert table.count(ALL) == 2000
    table.sweep(timedelta(0))
    assert len(parts(table)) == table.manifest().height


@pytest.mark.slow
def test_it_lets_two_processes_append_at_once_without_doubles(table: EventTable):
    processes = [child(table, f"{number:064x}") for number in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert table.count(ALL) == 2000
    counts = [table.committed("BB", f"{number:064x}") or {} for number in range(3)]
    assert sorted(count["kept"] for count in counts) == [0, 0, 2000]
    assert all(count["rows_read"] == count["kept"] + count["doubled"] for count in counts)
