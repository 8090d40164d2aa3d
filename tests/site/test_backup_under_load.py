"""A backup that is taken while a node takes files in and sends notices brings back the same node, on both databases."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from bench.backup import compared, disagreements, measure

from atalaya.site import testing

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kill")]


def server(database: str) -> AbstractContextManager[str]:
    return testing.postgres() if database == "postgresql" else nullcontext("")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_it_brings_back_the_same_node(tmp_path: Path, database: str) -> None:
    if database == "postgresql" and testing.find("initdb") is None:
        pytest.skip("no PostgreSQL on this machine")
    tmp_path.chmod(0o755)
    with server(database) as url:
        found = measure(tmp_path, server=url, rows=500, first=500)
    assert found.differences == []
    assert found.received_meanwhile > 0, "files came in while it was taken"
    assert found.notices > 0 and found.events > 0
    assert "the chain is whole" in found.audit


def test_the_comparison_sees_what_is_not_the_same() -> None:
    node = {
        "database": {"t": "1:aa"},
        "events": {"BB:f": "2:bb"},
        "originals": [],
        "ingests": [["BB", "f", "done", 3, 2, 0, 1]],
    }
    assert compared(node, node) == [] and disagreements(node) == []
    assert compared(node, {**node, "database": {"t": "1:ab"}}) == ["database t: 1:aa, then 1:ab"]
    assert compared(node, {**node, "events": {}}) == ["events BB:f: 2:bb, then missing"]
    assert compared(node, {**node, "originals": ["f"]}) == ["original f"]
    assert disagreements({**node, "events": {"BB:f": "1:bb"}}) == [
        "f: 3 read, 1 events, 2 kept, 0 doubled, 1 rejected"
    ]
    assert disagreements({**node, "ingests": []}) == ["BB:f: the database does not know it"]
