"""Counts from roll-ups are the counts of the events, whatever is asked, and go with their files."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.pipeline.feed import NOW, ORG, OTHER, mapped, row, store

from atalaya.core.pipeline.attribute import Networks
from atalaya.core.pipeline.run import run
from atalaya.core.store import EventTable, Question, facets, rollup

EVERY = Question(states=frozenset({"BB"}), organisations=None)
NESTED = Networks.build(
    [("192.0.2.0/24", ORG, None, None), ("192.0.2.0/28", OTHER, None, None), ("198.51.100.0/24", OTHER, None, None)]
)  # fmt: skip
KINDS = ("vulnerable-system", "infected-system", "scanner")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> EventTable:
    """Four days: two with a roll-up, one without, and one whose file has events of another state too."""
    table = EventTable(tmp_path_factory.mktemp("table") / "events")
    for day in range(3):
        rows = [
            row(
                source_ip=("192.0.2.3", "192.0.2.77", "198.51.100.4", "203.0.113.9", None)[n % 5],
                source_fqdn=f"h{n}.example.org",
                time_source=NOW - timedelta(days=day, minutes=n * 7),
                source_port=(23, 443, None)[n % 3],
                classification_type=KINDS[n % 2 + day % 2],
                severity=("low", "high", None)[n % 3],
                malware_name="mirai" if n % 4 == 0 else None,
                source_asn=64500 + n % 2,
                source_geolocation_cc="BB" if n % 7 else None,
            )
            for n in range(60)
        ]
        run([mapped(*rows)], store=table, sha256=f"{day:064x}", state="BB", networks=NESTED, observed_at=NOW)
    store(table, mapped(row(time_source=NOW - timedelta(days=5))), sha256="ab" * 32, state="TT")
    first_days = table.manifest().sort("day", descending=True).filter(rows=60)
    for path in first_days["path"][:2]:
        rollup.make(table.path, path)
    return table


def without(table: EventTable) -> EventTable:
    """The same events, without a roll-up."""
    import shutil

    copy = table.path.parent / "plain"
    if not copy.exists():
        shutil.copytree(table.path, copy)
        shutil.rmtree(copy / rollup.FOLDER)
    return EventTable(copy)


questions = st.fixed_dictionaries(
    {},
    optional={
        "owner": st.sampled_from([ORG, OTHER]), "type": st.sampled_from(KINDS), "severity": st.sampled_from(["low", "high"]),
        "feed": st.sampled_from(["scan-rdp", "other"]), "asn": st.sampled_from([64500, 64509]), "port": st.sampled_from([23, 9]),
        "country": st.sampled_from(["bb", "TT"]), "malware": st.just("Mirai"), "identifier": st.just("open-rdp"),
        "taxonomy": st.sampled_from(["vulnerable", "other"]), "ip": st.just("192.0.2.3"), "domain": st.just("example.org"),
        "unowned": st.booleans(), "organisations": st.sampled_from([frozenset(), frozenset({ORG}), frozenset({ORG, OTHER})]),
        "since": st.sampled_from([NOW - timedelta(days=1), (NOW - timedelta(days=1)).replace(hour=0)]),
        "until": st.sampled_from([NOW, NOW - timedelta(days=1)]), "states": st.sampled_from([frozenset({"TT"}), frozenset({"BB", "TT"})]),
    },
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=questions,
    column=st.sampled_from([*rollup.FACETS, *rollup.DIMENSIONS, "source_fqdn"]),
    buckets=st.sampled_from([3, 60, 500]),
)
def test_it_counts_as_the_events_do(
    table: EventTable, fields: dict[str, Any], column: str, buckets: int
) -> None:
    question, plain = dataclasses.replace(EVERY, **fields), without(table)
    assert table.count(question) == plain.count(question)
    assert table.histogram(question, buckets).equals(plain.histogram(question, buckets))
    assert table.top(question, column).equals(plain.top(question, column))
    columns = [name for name in (*rollup.FACETS, *rollup.DIMENSIONS, "source_fqdn") if name != "owners"]
    few, same = facets.facets(table, question, columns, 3), facets.facets(plain, question, columns, 3)
    assert all(few[name].equals(same[name]) for name in columns)


def test_it_is_really_read(table: EventTable) -> None:
    chosen = table.manifest()
    told = rollup.counts(table.path, chosen, dataclasses.replace(EVERY, owner=OTHER))
    assert told is not None and not told.by_value and told.others.height == 2
    assert told.rows["count"].sum() == 48
    for more in ({"domain": "example.org"}, {"asn": 64500, "port": 23}, {"unowned": True}):
        assert rollup.counts(table.path, chosen, dataclasses.replace(EVERY, **more)) is None


def test_it_goes_with_its_file(tmp_path: Path) -> None:
    table = EventTable(tmp_path / "events")
    store(table, mapped(row()))
    (path,) = table.manifest()["path"]
    rollup.make(table.path, path)
    table.sweep()
    assert rollup.path_of(table.path, path).exists()
    rollup.path_of(table.path, "gone.parquet").write_bytes(b"")
    table.sweep()
    assert [file.name for file in (table.path / rollup.FOLDER).iterdir()] == [path.rpartition("/")[2]]
    assert table.summarise() == 0, "small files need none"
