"""Owners of the past worked out again: only what changed, on the days on which it holds, and findings to the number."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.pipeline.feed import NETWORKS, NOW, ORG, OTHER, mapped, row, store

from atalaya.core.pipeline.attribute import Networks
from atalaya.core.store import EventTable, Question

ALL = Question(states=frozenset({"BB", "TT"}), organisations=None, order="address", limit=1000)
THIRD = "00000000-0000-0000-0000-00000000000c"
DAY = timedelta(days=1)


@pytest.fixture
def table(tmp_path: Path) -> EventTable:
    """Two feed files of two days: addresses of both organisations, one of nobody, and a domain."""
    table = EventTable(tmp_path / "events")
    for number in range(2):
        rows = [
            row(source_port=number),
            row(source_ip="192.0.2.200", time_source=NOW - DAY, source_port=number),
            row(source_ip="198.51.100.7", source_port=number),
            row(source_ip="203.0.113.7", source_port=number),
            row(source_ip=None, source_fqdn=f"www{number}.example.org"),
        ]
        store(table, mapped(*rows), sha256=f"{number:02x}" * 32)
    return table


def owners(table: EventTable) -> dict[str, str | None]:
    rows = table.rows(ALL).select(host=pl.coalesce("source_ip", "source_fqdn"), owner="owner")
    return dict(rows.unique().iter_rows())


def again(table: EventTable, networks: Networks, state: str = "BB") -> int:
    plan = table.plan_attribution(state, networks)
    assert table.attribute_again(state, networks, plan.paths)
    return plan.events


def test_it_changes_nothing_when_nothing_changed(table: EventTable) -> None:
    plan = table.plan_attribution("BB", NETWORKS)
    assert (plan.events, plan.paths, len(plan.findings)) == (0, [], 0)


def test_it_says_beforehand_what_would_move_and_then_does_it(table: EventTable) -> None:
    before = table.rows(ALL)
    networks = Networks.build(
        [("192.0.2.0/24", ORG, None, None), ("192.0.2.128/25", THIRD, None, None), ("203.0.113.0/24", OTHER, None, None)],
        domains=[("example.org", THIRD, None, None)],
    )  # fmt: skip
    plan = table.plan_attribution("BB", networks)
    moves = {(was, now): n for was, now, _, n in plan.moves.iter_rows()}
    assert moves == {(ORG, THIRD): 2, (OTHER, None): 2, (None, OTHER): 2, (None, THIRD): 2}
    assert table.rows(ALL).equals(before), "a plan changes nothing"
    assert again(table, networks) == 8
    assert owners(table) == {
        "192.0.2.1": ORG, "192.0.2.200": THIRD, "198.51.100.7": None, "203.0.113.7": OTHER,
        "www0.example.org": THIRD, "www1.example.org": THIRD,
    }  # fmt: skip
    columns = [name for name in before.columns if name not in ("owner", "owners", "owner_by")]
    assert table.rows(ALL).select(columns).equals(before.select(columns)), "only owners change"
    assert table.plan_attribution("BB", networks).events == 0


def test_it_keeps_who_owned_what_when(table: EventTable) -> None:
    day = NOW.date()
    networks = Networks.build([("192.0.2.0/24", ORG, None, day - DAY), ("192.0.2.0/24", OTHER, day, None)])
    again(table, networks)
    assert owners(table) == {
        "192.0.2.1": OTHER, "192.0.2.200": ORG, "198.51.100.7": None, "203.0.113.7": None,
        "www0.example.org": None, "www1.example.org": None,
    }  # fmt: skip


def test_it_tells_of_wider_claims_that_came(table: EventTable) -> None:
    wider = Networks.build(
        [("192.0.2.0/24", ORG, None, None), ("192.0.0.0/16", THIRD, None, None), ("198.51.100.0/24", OTHER, None, None)]
    )  # fmt: skip
    plan = table.plan_attribution("BB", wider)
    assert set(plan.moves.select("was", "now").rows()) == {(ORG, ORG)}
    again(table, wider)
    assert table.count(Question(states=frozenset({"BB"}), organisations=None, owner=THIRD)) == 4


def test_it_leaves_other_states_alone(table: EventTable) -> None:
    store(table, mapped(row(source_ip="192.0.2.9")), sha256="ee" * 32, state="TT")
    for number in range(10):
        store(table, mapped(row(source_port=number + 10)), sha256=f"f{number}" * 32)
    table.compact()
    nobody = Networks.build()
    again(table, nobody)
    foreign = Question(states=frozenset({"TT"}), organisations=None)
    assert table.rows(foreign)["owner"].to_list() == [ORG]
    assert table.rows(Question(states=frozenset({"BB"}), organisations=None))["owner"].null_count() == 20


def test_it_still_knows_a_file_that_it_wrote_anew(table: EventTable) -> None:
    again(table, Networks.build([("203.0.113.0/24", OTHER, None, None)]))
    assert table.findings_of("BB", "00" * 32)["owner"].to_list() == [OTHER]
    assert not store(table, mapped(row()), sha256="00" * 32).committed
    doubled = store(table, mapped(row(source_port=0)), sha256="dd" * 32)
    assert (doubled.kept, doubled.doubled) == (0, 1)


def test_it_leaves_files_that_were_merged_meanwhile(table: EventTable) -> None:
    networks = Networks.build()
    plan = table.plan_attribution("BB", networks)
    for number in range(8):
        store(table, mapped(row(source_port=number + 10)), sha256=f"f{number}" * 32)
    table.compact()
    assert not table.attribute_again("BB", networks, plan.paths)
    again(table, networks)
    assert table.rows(ALL)["owner"].null_count() == table.count(ALL) == 18


def told(table: EventTable, keys: list[int], unfinished: Mapping[str, int | None]) -> pl.DataFrame:
    return table.findings_with("BB", np.array(keys, np.int64), unfinished)


def test_it_sums_findings_over_the_whole_history(table: EventTable) -> None:
    for number in range(4):
        store(table, mapped(row(time_source=NOW - number * DAY, severity=("low", "high")[number == 0])), sha256=f"{number}b" * 32)  # fmt: skip
    key = table.rows(ALL).filter(source_port=3389)["finding"][0]
    found = told(table, [key], {}).row(0, named=True)
    assert (found["count"], found["severity"], found["owner"]) == (4, "high", ORG)
    assert (found["first_seen"], found["last_seen"]) == (NOW - 3 * DAY, NOW)
    left = told(table, [key], {"0b" * 32: None, "1b" * 32: key, "2b" * 32: key - 1}).row(0, named=True)
    assert (left["count"], left["severity"], left["last_seen"]) == (2, "low", NOW - DAY)
    assert told(table, [], {}).is_empty()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lasting=st.lists(
        st.tuples(
            st.sampled_from(["192.0.2.0/24", "192.0.2.200/32", "198.51.100.0/24", "203.0.113.7/32", "0.0.0.0/0"]),
            st.sampled_from([ORG, OTHER, THIRD]),
            st.sampled_from([None, NOW.date() - DAY, NOW.date()]),
            st.sampled_from([None, NOW.date() - DAY, date(2030, 1, 1)]),
        ),
        max_size=5,
    )
)  # fmt: skip
def test_it_leaves_what_a_first_attribution_would_have_given(
    table: EventTable, tmp_path: Path, lasting: list[tuple[str, str, date | None, date | None]]
) -> None:
    from atalaya.core.pipeline.attribute import attribute

    networks = Networks.build(lasting)
    again(table, networks)
    rows = table.rows(ALL)
    fresh = attribute(rows.drop("owner", "owners", "owner_by"), networks)
    for name in ("owner", "owners", "owner_by"):
        assert rows[name].to_list() == fresh[name].to_list()
