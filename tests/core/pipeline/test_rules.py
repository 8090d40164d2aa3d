"""Rules in one pass over a batch, against reading row by row; and a feed file that rules decide on."""

from __future__ import annotations

import ipaddress
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.pipeline.feed import NETWORKS, NOW, ORG, OTHER, age, mapped, parts, row

from atalaya.core import limits
from atalaya.core.feeds.taxonomy import TAXONOMY
from atalaya.core.pipeline import run as run_module
from atalaya.core.pipeline.address import parse as addresses_of
from atalaya.core.pipeline.before import as_it_came
from atalaya.core.pipeline.result import Result
from atalaya.core.pipeline.rules import Rule, Rules
from atalaya.core.pipeline.run import run
from atalaya.core.pipeline.same import split
from atalaya.core.schema.columns import SEVERITIES, polars_schema
from atalaya.core.store import EventTable, Question
from atalaya.core.store.ask import Either, Every, Is, Node, Not, Value, either, every, parse
from atalaya.core.store.ask.tree import Word

ALL = Question(states=frozenset({"BB", "TT"}), organisations=None)
COLUMN = {
    "class": "classification_type", "identifier": "classification_identifier", "feed": "feed_code",
    "severity": "severity", "port": "source_port", "ip": "source_ip", "org": "owner", "country": "source_geolocation_cc",
}  # fmt: skip
VALUES: dict[str, tuple[str, ...]] = {
    "class": ("other", "scanner", "c2-server", "sc*", "none"),
    "identifier": ("open-rdp", 'a "quoted\\ one"', "open*", "none"),
    "feed": ("scan-rdp", "list", "none"),
    "severity": (">=high", "low", "<medium", "none"),
    "port": ("22", "100-4000", "none"),
    "ip": ("192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "none"),
    "org": (ORG, OTHER, "none"),
    "country": ("TT", "none"),
}


# -- row by row, in plain Python ----------------------------------------------------------------------------------------


def fits(node: Node, event: dict[str, Any]) -> bool:
    match node:
        case Is(name, values):
            return any(_is(name, value.text, event.get(COLUMN[name])) for value in values)
        case Word(value):
            return value.text in (event.get("classification_identifier") or "")
        case Not(inner):
            return not fits(inner, event)
        case Every(nodes):
            return all(fits(one, event) for one in nodes)
        case Either(nodes):
            return any(fits(one, event) for one in nodes)


def _is(name: str, text: str, held: Any) -> bool:
    if text == "none" or held is None:
        return text == "none" and held is None
    if text.endswith("*"):
        return str(held).startswith(text[:-1])
    if name == "ip":
        network, address = ipaddress.ip_network(text), ipaddress.ip_address(held)
        return network.version == address.version and address in network
    if name == "port":
        low, _, high = text.partition("-")
        return int(low) <= held <= int(high or low)
    if name == "severity" and text[0] in "<>":
        rank, limit = SEVERITIES.index(held), SEVERITIES.index(text.strip("<>="))
        return rank >= limit if text.startswith(">=") else rank < limit
    return bool(held == text)


def decided(rules: list[Rule], event: dict[str, Any]) -> tuple[str | None, dict[str, Any], dict[str, Any]]:
    """The rule that decides, the event after it, and what it changed, as it was."""
    rule = next((one for one in rules if fits(one.where, event)), None)
    after = dict(event)
    if rule is None or rule.drop:
        return (rule.code if rule else None), after, {}
    if rule.type:
        after |= {
            "classification_type": rule.type,
            "classification_taxonomy": TAXONOMY.get(rule.type, "other"),
        }
    if rule.identifier:
        after["classification_identifier"] = rule.identifier
    rank = SEVERITIES.index(event["severity"]) if event["severity"] else 0
    if rule.severity and SEVERITIES.index(rule.severity) > rank:
        after["severity"] = rule.severity
    changed = {name: event[name] for name in event if event[name] != after[name]}
    return rule.code, after, changed


terms = st.sampled_from(sorted(VALUES)).flatmap(
    lambda name: st.lists(st.sampled_from(VALUES[name]), min_size=1, max_size=2, unique=True).map(
        lambda texts: Is(name, tuple(Value(text) for text in texts))
    )
)
trees = st.recursive(
    terms | terms | st.just(Word(Value("rdp"))),
    lambda inner: (
        inner.map(Not)
        | st.lists(inner, min_size=1, max_size=3).map(every)
        | st.lists(inner, min_size=2, max_size=3).map(either)
    ),
    max_leaves=4,
)
actions = st.fixed_dictionaries(
    {
        "drop": st.booleans(),
        "type": st.sampled_from(("", "c2-server", "scanner", "nobody-knows")),
        "identifier": st.sampled_from(("", "ours")),
        "severity": st.sampled_from(("", "info", "high", "critical")),
    }
)
rules_lists = st.lists(st.tuples(trees | terms, actions), min_size=1, max_size=5).map(
    lambda pairs: [
        Rule(code=f"r{number}", where=where, reason="noise", **what)
        for number, (where, what) in enumerate(pairs)
    ]
)
events_lists = st.lists(
    st.fixed_dictionaries(
        {
            "classification_type": st.sampled_from((None, "other", "scanner")),
            "classification_taxonomy": st.sampled_from((None, "other")),
            "classification_identifier": st.sampled_from((None, "open-rdp", 'a "quoted\\ one"')),
            "feed_code": st.sampled_from(("scan-rdp", "list")) | st.just("scan-rdp"),
            "severity": st.sampled_from((None, "low", "high", "critical")),
            "source_port": st.sampled_from((None, 22, 443)),
            "source_ip": st.sampled_from((None, "192.0.2.7", "192.0.2.8", "2001:db8::1")),
            "owner": st.sampled_from((None, ORG, OTHER)),
        }
    ),
    min_size=3,
    max_size=12,
)


@settings(deadline=None, max_examples=300)
@given(rules=rules_lists, rows=events_lists)
def test_it_does_what_reading_row_by_row_does(rules: list[Rule], rows: list[dict[str, Any]]) -> None:
    schema = {name: kind for name, kind in polars_schema().items() if name in rows[0]}
    frame = pl.DataFrame(rows, schema=schema)
    frame = frame.with_columns(
        addresses_of(frame["source_ip"]).keys(), raw_row=pl.int_range(pl.len(), dtype=pl.Int64)
    )
    ruled = Rules(rules).apply(split(frame))

    expected = [decided(rules, one) for one in rows]
    drops = {rule.code for rule in rules if rule.drop}
    left = [at for at, (code, _, _) in enumerate(expected) if code not in drops]
    got = ruled.events.carrying(ruled.events.same)
    assert got["raw_row"].to_list() == left
    assert (list(range(len(rows))) if ruled.rows is None else ruled.rows.tolist()) == left
    for at, event in zip(left, got.to_dicts(), strict=True):
        code, after, changed = expected[at]
        assert {name: event.get(name) for name in after} == after
        assert event.get("rule") == code
        said = json.loads(event.get("rule_before") or "{}")
        assert said == {name.replace("_", ".", 1): value or "" for name, value in changed.items()}
    assert ruled.dropped["row"].to_list() == [at for at, (code, _, _) in enumerate(expected) if code in drops]
    codes = [code for code, _, _ in expected if code]
    assert dict(ruled.touched) == {code: codes.count(code) for code in sorted(set(codes))}

    whole = got.lazy().with_columns(
        pl.lit(None, pl.String).alias(name)
        for name in {*schema, "rule_before"} - set(got.columns)
        if schema.get(name, pl.String()) == pl.String()
    )
    again = as_it_came(whole).collect()
    for name in ("classification_taxonomy", "classification_type", "classification_identifier", "severity"):
        assert again[name].to_list() == [rows[at][name] for at in left]


# -- a feed file ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path: Path) -> EventTable:
    return EventTable(tmp_path / "events")


def take_in(table: EventTable, *batches: Any, rules: list[Rule], sha256: str = "aa" * 32) -> Result:
    return run(
        iter(batches), store=table, sha256=sha256, state="BB", networks=NETWORKS, observed_at=NOW, rules=Rules(rules)
    )  # fmt: skip


def test_it_accounts_for_rows_that_a_rule_drops(table: EventTable):
    drop = Rule(code="noise", where=parse("port:22"), drop=True, reason="our own scanner")
    result = take_in(
        table, mapped(row(), row(), row(source_port=22), row(source_port=22), rejects=1), rules=[drop]
    )
    assert (result.rows_read, result.kept, result.doubled, result.rejected) == (5, 1, 2, 2)
    assert table.count(ALL) == 1
    told = result.rejects.filter(field="rule").row(0, named=True)
    assert told["row"] == 3 and told["reason"] == "Dropped by the rule noise: our own scanner"
    assert json.loads(told["raw"])["source.port"] == 22 and "owner" not in told["raw"]
    assert result.touched == {"noise": 1}


def test_it_stores_nothing_of_a_file_whose_rows_are_all_dropped(table: EventTable):
    result = take_in(
        table,
        mapped(row(), row(source_port=1)),
        rules=[Rule(code="all", where=parse(""), drop=True, reason="x")],
    )
    assert (result.kept, result.rejected) == (0, 2) and table.count(ALL) == 0 and not parts(table)
    assert result.first_event_at is None and table.findings_of("BB", "aa" * 32).is_empty()


def test_it_remembers_what_rules_did_when_the_file_comes_again(table: EventTable):
    rules = [
        Rule(code="noise", where=parse("port:22"), drop=True, reason="x"),
        Rule(code="up", where=parse("class:vulnerable-system"), severity="critical"),
    ]
    first = take_in(table, mapped(row(), row(source_port=22)), rules=rules)
    again = take_in(table, rules=[])
    assert not again.committed and again.counts() == first.counts()
    assert again.touched == {"noise": 1, "up": 1}
    assert again.dropped == {"Dropped by the rule noise: x": 1}


def test_it_makes_the_finding_of_what_a_rule_says_and_knows_the_observation_again(table: EventTable):
    """A rule changes what is told, never what was seen: the same row in another file is the same event."""
    plain = EventTable(table.path.with_name("plain"))
    take_in(
        plain,
        mapped(row(classification_type="c2-server", classification_taxonomy="malicious-code")),
        rules=[],
    )
    rule = Rule(code="c2", where=parse("class:vulnerable-system"), type="c2-server")
    take_in(table, mapped(row()), rules=[rule])
    event = table.rows(ALL).row(0, named=True)
    assert event["classification_taxonomy"] == "malicious-code" and event["rule"] == "c2"
    assert event["finding"] == plain.rows(ALL)["finding"][0]
    assert take_in(table, mapped(row()), rules=[], sha256="bb" * 32).doubled == 1
    assert table.findings_of("BB", "aa" * 32)["rule"].to_list() == ["c2"]


def test_it_recomputes_keys_of_an_event_that_a_rule_changed(table: EventTable):
    rule = Rule(code="c2", where=parse(""), type="c2-server", severity="critical", identifier="x")
    take_in(table, mapped(row(classification_identifier=None)), rules=[rule])
    same = mapped(row(classification_identifier=None))
    assert take_in(age(table), same, rules=[], sha256="bb" * 32).doubled == 1


def test_it_asks_rules_about_the_owner(table: EventTable):
    mine = every([Is("org", (Value(ORG, True),)), parse("class:vulnerable-system")])
    take_in(
        table,
        mapped(row(), row(source_ip="198.51.100.1")),
        rules=[Rule(code="mine", where=mine, severity="high")],
    )
    assert table.rows(ALL).sort("source_ip").select("owner", "severity", "rule").rows() == [
        (ORG, "high", "mine"),
        (OTHER, "medium", None),
    ]


def test_it_leaves_a_rule_alone_after_its_last_day(table: EventTable):
    rule = Rule(code="old", where=parse(""), severity="critical", until=NOW.date())
    assert take_in(table, mapped(row()), rules=[rule]).touched == {"old": 1}
    past = Rule(code="old", where=parse(""), severity="critical", until=NOW.date() - timedelta(days=1))
    assert take_in(table, mapped(row(source_port=1)), rules=[past], sha256="bb" * 32).touched == {}
    assert Rules([past]).on(date(2000, 1, 1)).rules == (past,)


def test_it_bounds_the_dropped_rows_that_are_kept(table: EventTable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "REJECTS_KEPT", 2)
    monkeypatch.setattr(run_module, "CHUNK_ROWS", 3)
    drop = Rule(code="noise", where=parse(""), drop=True, reason="x")
    batches = [mapped(*(row(source_port=4 * n + m) for m in range(4)), first=4 * n + 1) for n in range(3)]
    result = take_in(table, *batches, rules=[drop])
    assert (result.rows_read, result.rejected) == (12, 12)
    assert result.rejects["count"].to_list() == [1, 1, 10] and result.rejects["raw"].to_list()[-1] == ""
