"""Counts of values, two periods side by side, and the story of one address."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.core.pipeline.feed import NOW, ORG, mapped, row, store

from atalaya.core.store import EventTable, Question
from atalaya.core.store.facets import compare, facets
from atalaya.core.store.story import story

DAY = timedelta(days=1)
ALL = Question(states=frozenset({"TT"}), organisations=None)
MINE = replace(ALL, organisations=frozenset({ORG}))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> EventTable:
    table = EventTable(tmp_path_factory.mktemp("store") / "events")
    rows = [
        row(source_port=1),
        row(source_port=1, time_source=NOW - DAY),
        row(source_port=2, time_source=NOW - 3 * DAY),
        row(source_port=3, source_ip="203.0.113.9", malware_name="mirai"),
        row(source_port=None, source_ip="203.0.113.9", malware_name="old", time_source=NOW - 8 * DAY),
    ]
    store(table, mapped(*rows), state="TT")
    return table


def test_it_counts_values_within_the_scope(table: EventTable) -> None:
    found = facets(table, ALL, ["source_port", "malware_name", "finding"], 2)
    assert found["source_port"].rows() == [(1, 2), (2, 1)]
    assert dict(found["malware_name"].rows()) == {"mirai": 1, "old": 1}
    mine = facets(table, MINE, ["source_port", "malware_name"], 9)
    assert dict(mine["source_port"].rows()) == {1: 2, 2: 1} and mine["malware_name"].is_empty()


def test_it_compares_two_periods(table: EventTable) -> None:
    question = replace(ALL, since=NOW - 2 * DAY, until=NOW + DAY)
    change = compare(table, question, (NOW - 9 * DAY, NOW - 2 * DAY), ["source_port", "malware_name"], 5)
    assert change.events == (2, 3)
    assert change.distinct["source_port"] == (1, 2)
    assert (change.new["source_port"], change.gone["source_port"]) == (2, 1)
    assert change.values["source_port"].rows() == [(1, 0, 2), (3, 0, 1), (2, 1, 0)]
    assert sorted(change.values["malware_name"].rows()) == [("mirai", 0, 1), ("old", 1, 0)]


def test_it_tells_the_story_of_an_address(table: EventTable) -> None:
    told = story(table, replace(ALL, ip="203.0.113.9"))
    assert told.count == 2 and told.last is not None and told.first is not None
    assert told.first == NOW - 8 * DAY < told.last
    assert told.days["port"].to_list() == [None, 3]
    assert told.owners.select("owner", "by", "count").rows() == [(None, None, 2)]
    mine = story(table, replace(MINE, ip="192.0.2.1"))
    assert mine.owners["owner"].to_list() == [ORG] and mine.days.height == 3


def test_it_has_no_story_where_nothing_was_seen(tmp_path: Path) -> None:
    told = story(EventTable(tmp_path / "events"), replace(ALL, ip="203.0.113.9"))
    assert (told.count, told.first, told.days.height) == (0, None, 0)
