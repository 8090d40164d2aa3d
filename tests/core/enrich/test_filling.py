"""Intervals against a naive look-up, and what is filled: only what is empty, never a contradiction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from atalaya.core.enrich.families import NUMBER, SIXTEEN, nothing, of_ranges, sixteen
from atalaya.core.enrich.filling import NONE, References, as_received
from atalaya.core.enrich.table import Table, merged
from atalaya.core.errors import BadInput
from atalaya.core.pipeline.address import parse
from atalaya.core.pipeline.identity import CONTENT, event_keys
from atalaya.core.pipeline.same import Events

RANGES = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(0, 8)).map(lambda one: (min(one[:2]), max(one[:2]), one[2])),
    max_size=15,
)  # fmt: skip


def naive(ranges: list[tuple[int, int, int]], number: int) -> int:
    """The smallest range around a number; of equal ones the last."""
    around = [
        (last - first, -at, node) for at, (first, last, node) in enumerate(ranges) if first <= number <= last
    ]
    return min(around)[2] if around else -1


@settings(max_examples=300, deadline=None)
@given(ranges=RANGES, top=st.booleans())
def test_it_finds_the_smallest_range(ranges: list[tuple[int, int, int]], top: bool) -> None:
    for kind, bits in ((NUMBER, 32), (SIXTEEN, 128)):
        shift = 2**bits - 301 if top else 0
        family = of_ranges(
            [one[0] + shift for one in ranges],
            [one[1] + shift for one in ranges],
            [one[2] for one in ranges],
            kind,
        )
        asked = [number + shift for number in range(301)]
        if kind == NUMBER:
            numbers: Any = np.array(asked, np.uint32)
        else:
            numbers = sixteen(
                np.array([n >> 64 for n in asked], np.uint64),
                np.array([n & 2**64 - 1 for n in asked], np.uint64),
            )
        found = family.rows(family.places(numbers))
        assert found.tolist() == [naive(ranges, number) for number in range(301)]


def table(ranges: list[tuple[str, str]] | dict[str, dict[str, Any]], lengths: bool = False) -> Table:
    """A table of single addresses: address -> what is known."""
    assert isinstance(ranges, dict)
    import ipaddress

    numbers = [int(ipaddress.IPv4Address(address)) for address in ranges]
    values = pl.DataFrame(list(ranges.values()), infer_schema_length=None)
    return Table(
        of_ranges(numbers, numbers, list(range(len(numbers))), NUMBER),
        nothing(SIXTEEN),
        nothing(NUMBER),
        values,
    )


def filled(references: References, rows: dict[str, Any], **same: str) -> dict[str, Any]:
    frame = pl.DataFrame(rows)
    told = references.fill(Events(frame, same), parse(frame["source_ip"].cast(pl.String)))
    return {name: told[name].to_list() for name in told.columns if name != "source_ip"}


HERE, THERE = "192.0.2.1", "192.0.2.2"
CC, CITY, ASN, NAME = "source_geolocation_cc", "source_geolocation_city", "source_asn", "source_as_name"
LAT = "source_geolocation_latitude"
PLACE = table({HERE: {CC: "TT", CITY: "Arima", LAT: 10.6}})
NUMBERS = table({HERE: {ASN: 64500, NAME: "Ours"}})


def test_it_does_nothing_without_files() -> None:
    rows = pl.DataFrame({"source_ip": [HERE]})
    assert NONE.fill(Events(rows), parse(rows["source_ip"])) is rows


def test_it_fills_what_is_empty_and_leaves_what_the_feed_said() -> None:
    told = filled(References({"asn": NUMBERS}), {"source_ip": [HERE, HERE, THERE], ASN: [None, 64500, None]})
    assert told[ASN] == [64500, 64500, None] and told[NAME] == ["Ours", "Ours", None]
    assert told["filled"] == ["source.asn=asn,source.as_name=asn", "source.as_name=asn", None]


def test_it_puts_no_name_on_another_as_number_and_no_city_into_another_country() -> None:
    told = filled(
        References({"asn": NUMBERS, "city": PLACE}), {"source_ip": [HERE], ASN: [64501], CC: ["BB"]}
    )
    assert told == {ASN: [64501], CC: ["BB"]}


def test_it_puts_no_place_beside_another_city() -> None:
    told = filled(References({"city": PLACE}), {"source_ip": [HERE], CC: ["TT"], CITY: ["Port of Spain"]})
    assert told == {CC: ["TT"], CITY: ["Port of Spain"]}


def test_it_takes_a_column_that_is_the_same_in_all_rows_for_the_feeds_word() -> None:
    assert filled(References({"city": PLACE}), {"source_ip": [HERE]}, **{CC: "BB"}) == {}
    assert filled(References({"city": PLACE}), {"source_ip": [HERE]}, **{CC: "TT"})[CITY] == ["Arima"]


def test_it_asks_the_files_in_one_order() -> None:
    other = table({HERE: {CC: "BB"}, THERE: {CC: "BB"}})
    told = filled(References({"country": other, "city": PLACE}), {"source_ip": [HERE, THERE, None]})
    assert told[CC] == ["TT", "BB", None]
    assert told["filled"][1:] == ["source.geolocation.cc=country", None]


ADDRESSES = st.lists(st.sampled_from([HERE, THERE, "192.0.2.3", None]), min_size=1, max_size=12)
FEED = st.sampled_from([None, None, "TT", "BB"])


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_it_never_changes_a_word_of_the_feed_and_can_be_taken_back(data: st.DataObject) -> None:
    addresses = data.draw(ADDRESSES)
    size = len(addresses)
    rows = pl.DataFrame(
        {
            "source_ip": pl.Series(addresses, dtype=pl.String),
            CC: pl.Series(data.draw(st.lists(FEED, min_size=size, max_size=size)), dtype=pl.String),
            CITY: pl.Series(data.draw(st.lists(FEED, min_size=size, max_size=size)), dtype=pl.String),
            ASN: pl.Series(data.draw(st.lists(st.sampled_from([None, 64500, 1]), min_size=size, max_size=size)), dtype=pl.Int64),
        }
    )  # fmt: skip
    told = References({"city": PLACE, "asn": NUMBERS}).fill(Events(rows), parse(rows["source_ip"]))
    for name in rows.columns:
        said = rows[name].is_not_null()
        assert told[name].filter(said).to_list() == rows[name].filter(said).to_list()
    back = as_received(told)
    assert_frame_equal(back.select(rows.columns), rows)
    assert all(back[name].null_count() == size for name in back.columns if name not in rows.columns)
    keys = [
        event_keys(frame.select(name for name in CONTENT if name in frame.columns)) for frame in (rows, back)
    ]
    assert keys[0].to_list() == keys[1].to_list()


def test_it_is_the_same_from_the_disk(tmp_path: Path) -> None:
    both = merged([PLACE, NUMBERS])
    both.write(tmp_path / "x")
    both.write(tmp_path / "x")
    loaded = Table.load(tmp_path / "x")
    asked = {"source_ip": [HERE, THERE]}
    assert filled(References({"city": loaded}), asked) == filled(References({"city": both}), asked)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("part", ["about.json", "values.parquet", "four.starts.npy", "six.nodes.npy"])
def test_it_refuses_what_is_damaged_on_the_disk(tmp_path: Path, part: str) -> None:
    PLACE.write(tmp_path / "x")
    whole = (tmp_path / "x" / part).read_bytes()
    for data in (whole[: len(whole) // 2], b"", b"{}"):
        (tmp_path / "x" / part).write_bytes(data)
        with pytest.raises(BadInput, match="cannot be used"):
            Table.load(tmp_path / "x")
    (tmp_path / "x" / part).unlink()
    with pytest.raises(BadInput):
        Table.load(tmp_path / "x")
