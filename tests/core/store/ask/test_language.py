"""The query language: text to tree and back, what is refused and where, and what each term finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.pipeline.feed import NOW, ORG, OTHER, mapped, row, store

from atalaya.core.store import EventTable, Question
from atalaya.core.store.ask import (
    EVERYTHING,
    Either,
    Every,
    Is,
    Node,
    Not,
    Problem,
    Value,
    Word,
    either,
    every,
    parse,
    times,
    written,
)
from atalaya.core.store.ask.fields import FIELDS
from atalaya.core.store.ask.resolving import bounded, resolve

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
FREE = [
    field.name
    for field in FIELDS
    if field.kind in ("code", "text", "cve", "meaning", "domain", "owner") and not field.values
]
VALUES = st.builds(Value, TEXT, st.booleans())
TERMS = st.one_of(
    st.builds(Is, st.sampled_from(FREE), st.lists(VALUES, min_size=1, max_size=3).map(tuple)),
    st.builds(Is, st.just("port"), st.sampled_from([(Value("22"), Value("80-90")), (Value(">=1024"),)])),
    st.builds(Is, st.just("ip"), st.sampled_from([(Value("192.0.2.0/24"),), (Value("2001:db8::1"),)])),
    st.builds(Is, st.just("since"), st.sampled_from([(Value("7d"),), (Value("2026-11-05T14:30"),)])),
    st.builds(Word, VALUES),
    st.builds(
        Word, st.sampled_from([Value("OR"), Value("2001:db8::/32"), Value("a:b"), Value("https://x/(y)")])
    ),
)
TREES = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=4).map(every),
        st.lists(inner, min_size=2, max_size=4).map(either),
    ),
    max_leaves=8,
)


@given(TREES)
@settings(max_examples=300, deadline=None)
def test_it_reads_what_it_writes(tree: Node) -> None:
    assert parse(written(tree)) == tree


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_it_reads_or_refuses_whatever_is_typed(text: str) -> None:
    try:
        tree = parse(text)
    except Problem as problem:
        assert 0 <= problem.at <= problem.end <= len(text)
        return
    assert parse(written(tree)) == tree


def test_it_reads_the_examples_of_its_documentation() -> None:
    assert parse('class:c2-server org:"Port Authority" since:7d') == Every(
        (
            Is("class", (Value("c2-server"),)),
            Is("org", (Value("Port Authority", True),)),
            Is("since", (Value("7d"),)),
        )
    )
    assert parse("TYPE:a,b -feed:x (p or not q)") == Every(
        (
            Is("class", (Value("a"), Value("b"))),
            Not(Is("feed", (Value("x"),))),
            Either((Word(Value("p")), Not(Word(Value("q"))))),
        )
    )
    assert parse("  ") == EVERYTHING


@pytest.mark.parametrize(
    ("text", "what", "at", "meant"),
    [
        ("clas:x", "There is no field clas.", 0, "class"),
        ("a severity:hgh", "hgh is not a value of severity.", 11, "high"),
        ("port:99999", "99999 is not a number that port can have.", 5, ""),
        ("port:90-80", "90-80 is not a number that port can have.", 5, ""),
        ("ip:1.2.3", "1.2.3 is not an address or a prefix.", 3, ""),
        ("x since:soon", "soon is not a time", 8, ""),
        ("since:7d,8d", "since takes one value.", 9, ""),
        ("a (b or c", "A parenthesis is opened and not closed.", 2, ""),
        ("a ) b", "A parenthesis is closed and was not opened.", 2, ""),
        ('org:"Port', "A quotation mark is opened and not closed.", 4, ""),
        ("a or", "Something is missing after or.", 2, ""),
        ("class:", "Something is missing after class:.", 6, ""),
        ("port:22,,23", "Something is missing after port:.", 8, ""),
        ("x" * 2001, "The question is longer than 2000 characters.", 2000, ""),
        ("(" * 30 + "a" + ")" * 30, "The question is nested more than 24 deep.", 0, ""),
        ("a " * 300, "The question has more than 200 terms.", 0, ""),
    ],
)
def test_it_says_what_is_wrong_and_where(text: str, what: str, at: int, meant: str) -> None:
    with pytest.raises(Problem) as caught:
        parse(text)
    assert what in str(caught.value)
    assert (caught.value.at, caught.value.meant) == (at, meant)


@pytest.mark.parametrize(
    ("text", "end", "moment"),
    [
        ("2026-11-05", False, "2026-11-05T04:00:00+00:00"),
        ("2026-11-05", True, "2026-11-06T04:00:00+00:00"),
        ("2026-11-05T14:30", False, "2026-11-05T18:30:00+00:00"),
        ("2026-11-05T14:30z", True, "2026-11-05T14:30:00+00:00"),
        ("today", False, "2026-11-20T04:00:00+00:00"),
        ("yesterday", True, "2026-11-20T04:00:00+00:00"),
        ("7d", False, "2026-11-13T04:00:00+00:00"),
        ("12h", False, "2026-11-20T04:00:00+00:00"),
        ("99999w", False, "1970-01-02T04:00:00+00:00"),
    ],
)
def test_it_reads_times_in_the_zone_of_who_asks(text: str, end: bool, moment: str) -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=ZoneInfo("America/Port_of_Spain"))
    found = times.resolve(Value(text), now, end=end)
    assert found is not None and found.isoformat() == moment
    assert times.resolve(Value("ever"), now, end=end) is None


ALL = Question(states=frozenset({"TT"}), organisations=None)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> EventTable:
    table = EventTable(tmp_path_factory.mktemp("store") / "events")
    rows = [
        row(source_port=1, malware_name="mirai"),
        row(source_port=2, source_ip="198.51.100.7", source_asn=64500, time_source=NOW - timedelta(days=1)),
        row(source_port=3, source_ip="2001:db8::1", source_fqdn="www.example.org", severity="high"),
        row(source_port=4, source_ip="2001:db8::ffff:1", malware_name="mirai.b", severity="critical"),
        row(source_port=5, source_ip=None, source_account="ana", time_source=NOW - timedelta(days=9)),
        row(
            source_port=6,
            source_ip="203.0.113.1",
            classification_type="scanner",
            source_geolocation_cc="PA",
            product_vulnerabilities="CVE-2024-1,CVE-2024-100",
        ),
        row(
            source_port=7,
            source_ip="203.0.113.9",
            feed_code="scan-x",
            product_name="Café (old)",
            classification_identifier="vulnerable-cve-2024-1234-x",
        ),
    ]
    store(table, mapped(*rows), state="TT")
    return table


def look(field: str, value: Value) -> Iterable[str]:
    known = {("org", "first"): [ORG], ("org", "second"): [OTHER], ("sector", "energy"): [OTHER]}
    return known.get((field, value.text.lower()), [])


def stand(field: str, value: Value) -> Node | None:
    if field == "attack":
        return Is("class", (Value("scanner", True),))
    return (
        either([Is("cve", (value,)), Is("malware", (Value("mirai"),))]) if value.text.endswith("7") else None
    )


def ports(table: EventTable, text: str) -> list[int]:
    asked = resolve(parse(text), NOW.replace(tzinfo=UTC), look, stand)
    return table.rows(replace(ALL, where=asked.where, **asked.fields))["source_port"].sort().to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [1, 2, 3, 4, 5, 6, 7]),
        ("ip:192.0.2.1", [1]),
        ("ip:192.0.2.1,203.0.113.0/24", [1, 6, 7]),
        ("ip:192.0.2.1,203.0.113.9", [1, 7]),
        ("ip:2001:db8::1,203.0.113.9", [3, 7]),
        ("ip:203.0.113.*", [6, 7]),
        ("ip:none", [5]),
        ("-ip:203.0.113.0/24", [1, 2, 3, 4, 5]),
        ("ip:2001:db8::/32 ip:2001:db8::/112", [3]),
        ("2001:db8::1", [3]),
        ("AS64500", [2]),
        ("asn:AS64500", [2]),
        ("asn:none port:<3", [1]),
        ("port:2-3,7", [2, 3, 7]),
        ("port:>=6", [6, 7]),
        ("not port:>2", [1, 2]),
        ("severity:>=high", [3, 4]),
        ("severity:high,critical", [3, 4]),
        ("malware:mirai*", [1, 4]),
        ('malware:"mirai*"', []),
        ("malware:mirai", [1]),
        ("-malware:mirai*", [2, 3, 5, 6, 7]),
        ("malware:none port:<3", [2]),
        ("domain:EXAMPLE.org", [3]),
        ("class:scanner or feed:scan-x", [6, 7]),
        ("feed:scan-x", [7]),
        ("feed:SCAN-x*", [7]),
        ("country:pa", [6]),
        ("cve:CVE-2024-1", [6]),
        ("cve:CVE-2024-10", []),
        ("cve:CVE-2024-1*", [6, 7]),
        ("cve:CVE-2024-100*", [6]),
        ("cve:cve-2024-1234", [7]),
        ("cve:CVE-2024-10,CVE-2024-7", [1]),
        ("cve:none port:>4", [5]),
        ("attack:T1595", [6]),
        ("-attack:T1595 port:>5", [7]),
        ("account:ANA", [5]),
        ("org:second", [2]),
        ("org:none", [3, 4, 5, 6, 7]),
        ("sector:energy", [2]),
        ('"(old)"', [7]),
        ("caf*old", [7]),
        ("mirai -mirai.b", [1]),
        ("(mirai or scanner) -port:1", [4, 6]),
        ("since:2d", [1, 2, 3, 4, 6, 7]),
        ("until:5d", [5]),
        ("port:<3 (since:12h or org:second)", [1, 2]),
        ("since:ever port:5", [5]),
    ],
)
def test_it_finds_what_is_asked(table: EventTable, text: str, expected: list[int]) -> None:
    assert ports(table, text) == expected


@pytest.mark.parametrize(
    "text", ["port:1", "malware:mirai*", "ip:none", "mirai", "org:second", "since:2d", "org:none"]
)
def test_it_finds_each_event_by_a_term_or_by_its_negation(table: EventTable, text: str) -> None:
    found = ports(table, text) + ports(table, f"-({text})")
    assert sorted(found) == [1, 2, 3, 4, 5, 6, 7]


def test_it_lifts_what_helps_to_find_files() -> None:
    asked = resolve(parse("ip:192.0.2.0/24 feed:X since:2d port:1"), NOW.replace(tzinfo=UTC), look, stand)
    assert asked.fields.keys() == {"prefix", "feed", "since"} and asked.fields["feed"] == "x"
    assert asked.where == parse("port:1")
    inside = resolve(parse("ip:192.0.2.1 or since:2d"), NOW.replace(tzinfo=UTC), look, stand)
    assert inside.fields == {} and inside.where is not None


def test_it_knows_whether_a_question_is_bounded_in_time() -> None:
    assert bounded(parse("port:1 since:ever")) and bounded(parse("file:" + "a" * 64))
    assert not bounded(parse("port:1"))


def test_it_asks_nobody_else_what_the_scope_does_not_hold(table: EventTable, tmp_path: Path) -> None:
    question = replace(ALL, states=frozenset({"BB"}), where=parse("port:1 or -port:1"))
    assert table.count(question) == 0
