"""MaxMind databases compiled: held against the maxminddb library's own answers, on databases made here."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import maxminddb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.enrich.mmdb_writer import MARK, written

from atalaya.core import limits
from atalaya.core.enrich import mmdb
from atalaya.core.enrich.filling import References
from atalaya.core.enrich.table import Table
from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.pipeline.address import parse
from atalaya.core.pipeline.same import Events

CITY = {
    "country": {"iso_code": "TT"},
    "city": {"names": {"en": "Arima", "es": "Arima"}},
    "location": {"latitude": 10.6, "longitude": -61.3},
}
NET4, NET6 = ipaddress.IPv4Network, ipaddress.IPv6Network


def compiled(tmp_path: Path, known: Any, kind: str = "country", **more: Any) -> Table:
    path = tmp_path / "x.mmdb"
    path.write_bytes(written(known, **more))
    return mmdb.read(path, kind)


def answers(table: Table, addresses: list[str]) -> list[dict[str, Any]]:
    """What the table knows of each address, through the door that events use."""
    texts = pl.Series("source_ip", addresses, pl.String())
    rows = References({"city": table}).fill(Events(pl.DataFrame({"source_ip": texts})), parse(texts))
    return [
        {name: value for name, value in row.items() if value is not None}
        for row in rows.drop("source_ip").iter_rows(named=True)
    ]


def v4() -> st.SearchStrategy[Any]:
    inside = st.integers(0, 2**12 - 1).map(lambda n: 0xC0000000 | n << 4)
    return st.tuples(inside, st.integers(1, 32)).map(lambda one: NET4(one, strict=False))


def v6() -> st.SearchStrategy[Any]:
    inside = st.integers(0, 2**12 - 1).map(lambda n: 0x20010DB8 << 96 | n << 60)
    return st.tuples(inside, st.integers(3, 128)).map(lambda one: NET6(one, strict=False))


COUNTRIES = st.sampled_from(["TT", "BB", "JM", "LC"]).map(lambda code: {"country": {"iso_code": code}})


def near(networks: Any) -> Iterator[str]:
    """Addresses at and beside every edge."""
    for network in networks:
        most = 2**network.max_prefixlen - 1
        for number in (int(network.network_address), int(network.broadcast_address)):
            for one in (number - 1, number, number + 1):
                if 0 <= one <= most and (network.version == 4 or one >> 125 == 1):
                    yield str(type(network.network_address)(one))


@settings(max_examples=150, deadline=None)
@given(
    known=st.dictionaries(st.one_of(v4(), v6()), COUNTRIES, min_size=1, max_size=25),
    size=st.sampled_from([24, 28, 32]),
)
def test_it_answers_what_the_library_answers(
    tmp_path_factory: pytest.TempPathFactory, known: Any, size: int
) -> None:
    folder = tmp_path_factory.mktemp("mmdb")
    table = compiled(folder, known, size=size)
    asked = sorted(set(near(known)) | {"192.0.2.1", "2001:db8::1", "255.255.255.255", "0.0.0.0"})
    with maxminddb.open_database(folder / "x.mmdb") as reader:
        expected = [reader.get(address) for address in asked]
    found = answers(table, asked)
    assert [one.get("source_geolocation_cc") for one in found] == [
        one["country"]["iso_code"] if isinstance(one, dict) else None  # type: ignore[index, call-overload]
        for one in expected
    ]


@settings(max_examples=60, deadline=None)
@given(
    known=st.dictionaries(v4(), st.integers(1, 5), min_size=1, max_size=20), version=st.sampled_from([4, 6])
)
def test_it_names_the_network_that_the_library_names(
    tmp_path_factory: pytest.TempPathFactory, known: Any, version: int
) -> None:
    folder = tmp_path_factory.mktemp("mmdb")
    records = {
        network: {"autonomous_system_number": n, "autonomous_system_organization": f"AS of {n}"}
        for network, n in known.items()
    }
    table = compiled(folder, records, "asn", version=version)
    asked = sorted(set(near(known)))
    with maxminddb.open_database(folder / "x.mmdb") as reader:
        expected = [reader.get_with_prefix_len(address) for address in asked]
    for address, told, (record, length) in zip(asked, answers(table, asked), expected, strict=True):
        if record is None:
            assert told == {}
        else:
            assert told["source_asn"] == record["autonomous_system_number"]  # type: ignore[index, call-overload]
            network = ipaddress.ip_network(f"{address}/{length}", strict=False)
            assert told["source_network"] == str(network), address


def test_it_reads_everything_that_is_asked_of_a_city(tmp_path: Path) -> None:
    table = compiled(tmp_path, {NET4("192.0.2.0/24"): CITY}, "city", name="GeoLite2-City")
    assert answers(table, ["192.0.2.7"]) == [
        {
            "source_geolocation_cc": "TT", "source_geolocation_city": "Arima", "source_geolocation_latitude": 10.6,
            "source_geolocation_longitude": -61.3,
            "filled": "source.geolocation.cc=city,source.geolocation.city=city,source.geolocation.latitude=city,source.geolocation.longitude=city",
        }
    ]  # fmt: skip
    assert (table.name, str(table.released), table.rows) == ("GeoLite2-City", "2026-03-01", 1)


def test_it_reads_the_flat_records_of_ipinfo(tmp_path: Path) -> None:
    flat = {
        "country": "Trinidad and Tobago",
        "country_code": "TT",
        "asn": "AS64500",
        "as_name": "Example\x00 Net",
    }
    table = compiled(tmp_path, {NET6("2001:db8::/32"): flat}, "asn")
    (told,) = answers(table, ["2001:db8::1"])
    assert told["source_geolocation_cc"] == "TT" and told["source_asn"] == 64500
    assert told["source_as_name"] == "Example Net" and told["source_network"] == "2001:db8::/32"


def test_it_does_not_follow_the_doors_from_ipv6_into_ipv4(tmp_path: Path) -> None:
    table = compiled(tmp_path, {NET4("192.0.2.0/24"): CITY}, "city", alias="2002::/16")
    told = answers(table, ["192.0.2.7", "2002:c000:207::1"])
    assert told[0]["source_geolocation_cc"] == "TT" and told[1] == {}


@pytest.mark.parametrize(
    "record",
    [{"country": {"iso_code": "T1"}}, {"country": {"iso_code": "TTO"}}, {"country": 7}, ["TT"], "TT", {}],
)
def test_it_takes_no_country_that_is_none(tmp_path: Path, record: Any) -> None:
    known = {NET4("192.0.2.0/24"): record, NET4("198.51.100.0/24"): {"country": {"iso_code": "BB"}}}
    told = answers(compiled(tmp_path, known), ["192.0.2.1", "198.51.100.1"])
    assert told[0] == {} and told[1]["source_geolocation_cc"] == "BB"


def test_it_says_which_kind_a_database_is_not(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="The database GeoLite2-City has no AS numbers"):
        compiled(tmp_path, {NET4("192.0.2.0/24"): CITY}, "asn", name="GeoLite2-City")


GOOD = written({NET4("192.0.2.0/24"): CITY, NET6("2001:db8::/32"): CITY})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a database",
        GOOD[:40],
        GOOD[: GOOD.index(MARK)],
        GOOD[GOOD.index(MARK) :],
        GOOD[:-20],
        b"\x1f\x8b" + GOOD[2:50],
    ],
)
def test_it_refuses_a_broken_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.mmdb"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"(MMDB|search tree|database)"):
        mmdb.read(path, "city")


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(GOOD) - 1), byte=st.integers(0, 255))
def test_it_reads_or_refuses_a_damaged_file(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int
) -> None:
    path = tmp_path_factory.mktemp("mmdb") / "x.mmdb"
    path.write_bytes(GOOD[:at] + bytes([byte]) + GOOD[at + 1 :])
    try:
        table = mmdb.read(path, "country")
    except BadInput as error:
        assert str(error)
    else:
        assert (np.diff(table.four.starts.astype(np.int64)) > 0).all()


def test_it_refuses_a_tree_that_grows_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REFERENCE_PIECES", 1000)
    data = written({NET4("192.0.2.0/24"): CITY})
    # Both records of the first node lead back to it: every level has twice as many nodes.
    path = tmp_path / "x.mmdb"
    path.write_bytes(bytes(6) + data[6:])
    with pytest.raises(TooLarge, match="1000 networks"):
        mmdb.read(path, "city")


def test_it_refuses_more_records_than_it_may_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REFERENCE_RECORDS", 3)
    known = {NET4((0xC0000200 + n, 32)): {"country": {"iso_code": "TT"}, "n": n} for n in range(9)}
    with pytest.raises(TooLarge, match="3 different records"):
        compiled(tmp_path, known)
    monkeypatch.setattr(limits, "REFERENCE_FILE_BYTES", 10)
    with pytest.raises(TooLarge, match="10 bytes"):
        compiled(tmp_path, known)
