"""The table on disk: drafts, findings of a file, sweeping, new columns."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable, QueryBuilder
from tests.core.pipeline.feed import NETWORKS, NOW, ORG, OTHER, mapped, parts, row, store

from atalaya.core.pipeline import run as run_module
from atalaya.core.pipeline.run import Known, drafted
from atalaya.core.store import EventTable, Question, findings, layout

ALL = Question(states=frozenset({"BB"}), organisations=None)


@pytest.fixture
def table(tmp_path: Path) -> EventTable:
    return EventTable(tmp_path / "events")


def test_it_sums_the_sightings_of_a_file(table: EventTable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run_module, "CHUNK_ROWS", 3)
    early = [row(time_source=NOW - timedelta(hours=n), severity="low") for n in (40, 5, 30)]
    late = [
        row(time_source=NOW, severity="high"),
        row(source_ip="198.51.100.1"),
        row(source_ip="203.0.113.1"),
    ]
    store(table, mapped(*early), mapped(*late, first=4))
    store(table, mapped(row(time_source=NOW - timedelta(hours=1))), sha256="bb" * 32)
    found = table.findings_of("BB", "aa" * 32)
    assert dict(found.schema) == findings.COLUMNS
    assert found["finding"].is_sorted()
    by_address = {one["address"]: one for one in found.iter_rows(named=True)}
    assert set(by_address) == {"192.0.2.1", "198.51.100.1"}
    assert by_address["192.0.2.1"] | {"finding": 0} == {
        "finding": 0, "state": "BB", "owner": ORG, "feed_code": "scan-rdp", "classification_taxonomy": "vulnerable",
        "classification_type": "vulnerable-system", "classification_identifier": "open-rdp", "severity": "high",
        "address": "192.0.2.1", "port": 3389, "malware": None, "rule": None, "cves": None, "first_seen": NOW - timedelta(hours=40),
        "last_seen": NOW, "count": 4,
    }  # fmt: skip
    assert by_address["198.51.100.1"]["owner"] == OTHER


def test_it_makes_no_findings_of_another_state_or_file(table: EventTable):
    store(table, mapped(row()))
    assert table.findings_of("TT", "aa" * 32).is_empty()
    assert table.findings_of("BB", "bb" * 32).is_empty()


def test_it_drops_what_another_draft_has_committed_meanwhile(table: EventTable):
    with table.draft("BB", "aa" * 32) as draft:
        made = drafted(
            draft,
            [mapped(row(), row(source_port=1), row(time_source=NOW - timedelta(days=3)))],
            Known(draft.place, NETWORKS, NOW),
        )
        store(table, mapped(row(), row(source_port=2)), sha256="bb" * 32)
        result = draft.commit(replace(made, rows_read=3))
    assert (result.kept, result.doubled) == (2, 1)
    assert table.count(ALL) == 4
    assert table.committed("BB", "aa" * 32) == {"file": f"BB:{'aa' * 32}", **result.counts()}


def test_it_drops_a_part_of_which_nothing_is_left(table: EventTable):
    with table.draft("BB", "aa" * 32) as draft:
        made = drafted(draft, [mapped(row())], Known(draft.place, NETWORKS, NOW))
        store(table, mapped(row()), sha256="bb" * 32)
        assert draft.commit(made).kept == 0
    assert len(parts(table)) == table.manifest().height == 1


def test_it_gives_the_counts_of_whoever_committed_the_same_file_first(table: EventTable):
    with table.draft("BB", "aa" * 32) as draft:
        made = drafted(draft, [mapped(row(), row())], Known(draft.place, NETWORKS, NOW))
        first = store(table, mapped(row(), row()))
        second = draft.commit(made)
    assert not second.committed
    assert second.counts() == first.counts()
    assert len(parts(table)) == table.manifest().height == 1


def test_it_sweeps_what_nobody_committed(table: EventTable):
    store(table, mapped(row()))
    lost = table.path / layout.part_path(NOW.date(), "BB-x", 0)
    lost.write_bytes(b"half")
    assert table.sweep() == 0
    os.utime(lost, (time.time() - 90_000,) * 2)
    assert table.sweep() == 1
    assert table.count(ALL) == 1


def test_it_does_not_sweep_committed_files_however_old(table: EventTable):
    store(table, mapped(row()))
    assert table.sweep(timedelta(0)) == 0
    assert table.count(ALL) == 1


def test_it_adds_columns_that_the_schema_has_gained(tmp_path: Path):
    columns = [name for name in pl.Schema(layout.FILE_SCHEMA) if name != "tlp"] + ["day"]
    DeltaTable.create(tmp_path / "events", layout.delta_schema(columns), partition_by=["day"])
    table = EventTable(tmp_path / "events")
    store(table, mapped(row(tlp="amber")))
    assert table.rows(ALL)["tlp"].to_list() == ["amber"]


def test_it_prunes_files_by_day_state_feed_and_address(table: EventTable):
    store(
        table,
        mapped(row(), row(time_source=NOW - timedelta(days=5), source_ip="198.51.100.1", feed_code="x")),
    )
    from atalaya.core.store import reading

    def candidates(**filters: Any) -> int:
        return reading.candidates(table.manifest(), replace(ALL, **filters)).height

    assert candidates() == 2
    assert candidates(since=NOW - timedelta(days=1)) == 1
    assert candidates(until=NOW - timedelta(days=1)) == 1
    assert candidates(ip="198.51.100.1") == 1
    assert candidates(ip="203.0.113.1") == 0
    assert candidates(feed="x") == 1
    assert candidates(states=frozenset({"TT"})) == 0


def test_it_is_a_delta_table_that_others_can_read(table: EventTable):
    store(table, mapped(row(), row(source_port=1)))
    delta = DeltaTable(table.path)
    assert delta.count() == 2
    assert delta.transaction_version(f"BB:{'aa' * 32}") == 1
    assert set(delta.partitions()[0].items()) == {("day", str(NOW.date()))}
    # Read by the library's own engine, which knows nothing of how the files were written.
    rows = pl.DataFrame(
        QueryBuilder().register("events", delta).execute("select owner, owners, state from events")
    )
    assert rows.rows() == [(ORG, None, "BB")] * 2, "all claims are listed where there are several"
