"""Mapping: no cell is lost, required fields decide over rows, `extra` is right JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atalaya.core.errors import BadInput
from atalaya.core.feeds import Feed, Target, extra
from atalaya.core.feeds.checking import idf
from atalaya.core.feeds.declaration import When
from atalaya.core.feeds.mapping import Mapper
from atalaya.core.formats import Batch, reasons
from atalaya.core.schema.columns import polars_schema

FEED = Feed(
    code="test",
    name="Test",
    provider="Nobody",
    columns={
        "time": (Target("time.source", "time"),),
        "ip": (Target("source.ip", "ip"),),
        "port": (Target("source.port", "port"),),
        "host": (Target("source.reverse_dns", "fqdn"),),
        "name": (Target("source.reverse_dns", "fqdn"),),
        "tag": (Target("product.vulnerabilities", "cve"), Target("extra.tag", "text")),
        "size": (Target("extra.size", "int"),),
        "asn": (Target("source.asn", "asn"),),
        "either": (Target("source.network", "network"), Target("destination.ip", "ip")),
        "only_cve": (Target("product.vulnerabilities", "cve"),),
    },
    required=(("time.source",), ("source.ip",)),
    severity="low",
)
TIME = "2026-03-01 10:20:30"


def mapped(
    feed: Feed = FEED, **columns: list[str | None]
) -> tuple[list[dict[str, Any]], list[tuple[Any, ...]]]:
    height = len(next(iter(columns.values())))
    columns = {"time": [TIME] * height, "ip": ["192.0.2.7"] * height, **columns}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String()))
    frame = frame.with_columns(pl.Series("__row", range(1, height + 1), dtype=pl.Int64))
    done = Mapper(feed, frame.columns).map(Batch(frame))
    assert done.rows_read == height == done.events.height + done.rejects.height
    schema = polars_schema()
    assert all(schema[name] == dtype for name, dtype in done.events.schema.items())
    return idf(done.events), done.rejects.rows()


def test_it_rejects_a_row_without_a_required_field_and_says_why() -> None:
    events, rejects = mapped(
        time=[TIME, "soon", "", TIME, "never"], ip=["192.0.2.7", "192.0.2.8", "192.0.2.9", "x", "y"]
    )
    assert [event["raw.row"] for event in events] == [1]
    assert [(row, field, reason) for row, field, reason, _ in rejects] == [
        (2, "time", reasons.TIME),
        (3, "time", reasons.MISSING),
        (4, "ip", reasons.ADDRESS),
        (5, "time", reasons.TIME),
    ]
    assert rejects[0][3] == "soon,192.0.2.8"


def test_it_keeps_a_bad_optional_cell_in_extra() -> None:
    [good, bad, empty], _ = mapped(
        port=["80", "99999", ""], host=["a.example", "localhost", None], size=["1", "big", ""]
    )
    assert (good["source.port"], good["source.reverse_dns"], good["extra"]) == (80, "a.example", {"size": 1})
    assert "source.port" not in bad
    assert bad["extra"] == {"port": "99999", "host": "localhost", "size": "big"}
    assert "extra" not in empty


def test_it_takes_the_first_of_two_columns_and_keeps_the_other() -> None:
    [both, same, second, none], _ = mapped(
        host=["a.example", "a.example", None, None], name=["b.example", "A.example", "c.example", None]
    )
    assert (both["source.reverse_dns"], both["extra"]) == ("a.example", {"name": "b.example"})
    assert (same["source.reverse_dns"], same.get("extra")) == ("a.example", None)
    assert second["source.reverse_dns"] == "c.example"
    assert "source.reverse_dns" not in none


def test_it_gives_one_column_to_whichever_target_takes_it() -> None:
    [network, address, neither], _ = mapped(either=["192.0.2.0/24", "192.0.2.9", "nonsense"])
    assert (network["source.network"], network.get("extra")) == ("192.0.2.0/24", None)
    assert (address["destination.ip"], address.get("extra")) == ("192.0.2.9", None)
    assert neither["extra"] == {"either": "nonsense"}


@pytest.mark.parametrize(
    "order", [("source.url url", "source.fqdn name_in"), ("source.fqdn name_in", "source.url url")]
)
def test_it_keeps_what_no_target_found_anything_in(order: tuple[str, ...]) -> None:
    targets = tuple(Target(*text.split()) for text in order)
    feed = replace(FEED, columns={**FEED.columns, "seen": targets})
    [url, name, nothing], _ = mapped(feed, seen=["http://a.example/x", "b.example", "two words"])
    assert (url["source.url"], url["source.fqdn"], url.get("extra")) == (
        "http://a.example/x",
        "a.example",
        None,
    )
    assert (name["source.fqdn"], name.get("extra")) == ("b.example", None)
    assert nothing["extra"] == {"seen": "two words"}


def test_it_keeps_a_cell_of_which_its_only_target_takes_no_part() -> None:
    [found, none], _ = mapped(only_cve=["cve-2021-26855", "rdp"])
    assert (found["product.vulnerabilities"], found.get("extra")) == ("CVE-2021-26855", None)
    assert none["extra"] == {"only_cve": "rdp"}


def test_it_finds_the_parts_of_a_cell() -> None:
    feed = replace(
        FEED,
        parts=("notes", "absent"),
        columns={
            **FEED.columns,
            "notes.family": (Target("malware.name", "lower"),),
            "notes.dest_port": (Target("destination.port", "port"),),
            "absent.x": (Target("source.port", "port"),),
        },
    )
    notes = [
        "family: Mirai;dest_port: 23;",
        " dest_port:80; other_family: x",
        "family:;dest_port: 1, 2",
        "ssh;",
        None,
    ]
    first, second, third, fourth, none = mapped(feed, notes=notes)[0]
    assert (first["malware.name"], first["destination.port"]) == ("mirai", 23)
    assert (second.get("malware.name"), second["destination.port"]) == (None, 80)
    assert third["extra"] == {"notes": notes[2], "notes.dest_port": "1, 2"}
    assert (fourth["extra"], none.get("extra")) == ({"notes": "ssh;"}, None)


def test_it_sets_fields_by_a_word_whether_or_not_a_column_gives_them() -> None:
    feed = replace(
        FEED, when=(When("tag", "hot", {"classification.identifier": "fire", "feed.accuracy": "90"}),)
    )
    hot, cold = mapped(feed, tag=["a hot one", "cold"])[0]
    assert (hot["classification.identifier"], hot["feed.accuracy"]) == ("fire", 90.0)
    assert "classification.identifier" not in cold


def test_it_takes_the_first_host_that_a_row_has() -> None:
    feed = replace(FEED, columns={**FEED.columns, "path": (Target("source.url", "url", "vhost host ip"),)})
    events, _ = mapped(
        feed, path=["/a"] * 3, vhost=["v.example", "", None], host=["h.example", "h.example", ""]
    )
    assert [event["source.url"] for event in events] == [
        "http://v.example/a", "http://h.example/a", "http://192.0.2.7/a",
    ]  # fmt: skip


def test_it_takes_zero_as_no_number_of_a_network() -> None:
    [event], _ = mapped(asn=["0"])
    assert "source.asn" not in event
    assert "extra" not in event


def test_it_keeps_unknown_columns_and_keys_apart() -> None:
    [event], _ = mapped(**{"tag": ["x"], "extra.tag": ["y"], 'Ünknown "k': ['v"\\\n']})
    assert event["extra"] == {"tag": "x", "tag_2": "y", 'Ünknown "k': 'v"\\\n'}


def test_it_says_the_same_for_every_event_unless_the_row_says_otherwise() -> None:
    feed = replace(
        FEED,
        constants={"protocol.transport": "tcp"},
        columns={**FEED.columns, "p": (Target("protocol.transport", "transport"),)},
    )
    events, _ = mapped(feed, p=["udp", None, "??"])
    assert [event["protocol.transport"] for event in events] == ["udp", "tcp", "tcp"]
    assert events[2]["extra"] == {"p": "??"}
    assert {event["severity"] for event in events} == {"low"}
    assert {
        (event["feed.code"], event["feed.name"], event["feed.provider"], event["tlp"]) for event in events
    } == {("test", "Test", "Nobody", "amber")}


def test_it_refuses_a_file_without_a_required_column() -> None:
    with pytest.raises(BadInput, match="no column for source.ip, which Test needs: ip"):
        Mapper(FEED, ["time", "address"])


def test_it_maps_a_batch_without_rows() -> None:
    frame = pl.DataFrame(schema={"time": pl.String, "ip": pl.String, "tag": pl.String, "__row": pl.Int64})
    assert Mapper(FEED, frame.columns).map(Batch(frame)).events.height == 0


CELL = st.none() | st.text(max_size=6) | st.sampled_from(['"', "\\", "\n", "a,b", "\x00", "é☃", "\u2028"])


@given(
    st.lists(st.tuples(CELL, CELL, st.none() | st.integers(-5, 5), CELL), min_size=1, max_size=12),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_it_writes_the_json_that_the_standard_library_reads(
    rows: list[tuple[Any, ...]], first_full: bool
) -> None:
    keys = ["a", 'k"\\', "n", "ü"]
    if first_full:
        rows = [("x", *row[1:]) for row in rows]
    types: list[pl.DataType] = [pl.String(), pl.String(), pl.Int64(), pl.String()]
    columns = [
        (key, pl.Series([row[i] for row in rows], dtype=dtype))
        for i, (key, dtype) in enumerate(zip(keys, types, strict=True))
    ]
    ready = pl.Series(
        [None if row[2] is None else json.dumps({"r": row[2]} if row[2] else {}) for row in rows],
        dtype=pl.String(),
    )
    done = extra.objects(columns, [ready], height=len(rows), plain=False)
    assert done.len() == len(rows)
    for row, text in zip(rows, done.to_list(), strict=True):
        wanted = {key: value for key, value in zip(keys, row, strict=True) if value is not None}
        wanted |= {"r": row[2]} if row[2] else {}
        assert (json.loads(text) if text else {}) == wanted
        assert text != "{}"


TEXT = st.none() | st.text(st.sampled_from('abc019.:/-é" \\'), max_size=12)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_it_loses_no_cell(data: st.DataObject) -> None:
    names = ["port", "host", "name", "tag", "size", "either", "other"]
    height = data.draw(st.integers(1, 6))
    columns = {name: data.draw(st.lists(TEXT, min_size=height, max_size=height)) for name in names}
    events, _ = mapped(**columns)
    for i, event in enumerate(events):
        written = json.dumps({**event, **event.get("extra", {})}, ensure_ascii=False).lower()
        for name in names:
            cell = columns[name][i]
            if cell and name != "size":
                known = json.dumps(cell, ensure_ascii=False)[1:-1].lower().rstrip(".")
                assert (
                    known in written
                    or cell.lstrip("0").rstrip(".") in written
                    or name in ("host", "name", "either", "port")
                ), name
