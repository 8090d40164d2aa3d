"""Counts of many files in pieces: the same as of all at once, wherever the cuts fall."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.pipeline.feed import NOW, ORG, OTHER, mapped, row, store

from atalaya.core.store import EventTable, Question, tally
from atalaya.core.store.facets import facets

ALL = Question(states=frozenset({"BB"}), organisations=None)


class Elsewhere:
    """An engine that is not this process's own, though it works here; it counts the pieces."""

    def __init__(self) -> None:
        self.pieces = 0

    def map(self, function: Callable[[Any, Any], Any], pieces: Iterable[Any], shared: Any) -> Iterator[Any]:
        for piece in pieces:
            self.pieces += 1
            yield function(piece, shared)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six files of four days."""
    table = EventTable(tmp_path_factory.mktemp("store") / "events")
    for number in range(6):
        rows = [
            row(source_port=port, source_ip=f"{net}.{port}", time_source=NOW - timedelta(days=number % 4, hours=port))
            for port in range(number + 1)
            for net in ("192.0.2", "198.51.100", "203.0.113")
        ]  # fmt: skip
        store(table, mapped(*rows), sha256=f"{number:02x}" * 32)
    return table.path


def told(table: EventTable, question: Question) -> list[object]:
    return [
        table.count(question),
        table.histogram(question, 30).rows(),
        *(table.top(question, column).rows() for column in ("owners", "owner", "source_port", "malware_name")),
        {name: rows.rows() for name, rows in facets(table, question, ["owner", "source_port"], 9).items()},
    ]  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    piece_rows=st.integers(1, 100),
    question=st.sampled_from(
        [
            ALL, replace(ALL, port=2), replace(ALL, owner=OTHER), replace(ALL, organisations=frozenset({ORG})),
            replace(ALL, prefix="203.0.113.0/30"), replace(ALL, since=NOW - timedelta(days=2)), replace(ALL, malware="none"),
        ]
    ),
)  # fmt: skip
def test_it_counts_the_same_wherever_the_cuts_fall(
    folder: Path, monkeypatch: pytest.MonkeyPatch, piece_rows: int, question: Question
) -> None:
    here = told(EventTable(folder), question)
    monkeypatch.setattr(tally, "LARGE_ROWS", 0)
    monkeypatch.setattr(tally, "PIECE_ROWS", piece_rows)
    assert told(EventTable(folder, Elsewhere()), question) == here


def test_it_asks_a_cluster_about_many_events_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Elsewhere()
    table = EventTable(folder, engine)
    table.top(ALL, "source_port")
    assert engine.pieces == 1
    monkeypatch.setattr(tally, "LARGE_ROWS", 10)
    monkeypatch.setattr(tally, "PIECE_ROWS", 10)
    table.top(ALL, "source_port")
    assert engine.pieces > 3


def test_it_counts_no_files_as_nothing() -> None:
    none = pl.DataFrame(schema={"path": pl.String, "rows": pl.Int64, "day": pl.Date, "min.state": pl.String, "max.state": pl.String})  # fmt: skip
    found = tally.tallied(Path("/"), none, ALL, [tally.Tally((pl.col("source_port"),))])
    assert found[0].is_empty()
