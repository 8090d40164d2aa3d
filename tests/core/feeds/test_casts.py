"""The closed list of casts: good values in canonical form, bad ones null, and nothing else."""

from __future__ import annotations

import base64
import ipaddress
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atalaya.core.feeds.casts import CASTS, natural, network_of_mask, url_of_host
from atalaya.core.schema.columns import BY_FIELD, COLUMNS

WHEN = datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)

CASES: dict[str, dict[str, object]] = {
    "text": {"as it is ": "as it is "},
    "lower": {" Mirai ": "mirai", "x": "x"},
    "time": {
        "2026-03-01 10:20:30": WHEN, "2026-03-01T10:20:30Z": WHEN, "2026-03-01T10:20:30+00:00": WHEN,
        "2026-03-01T12:20:30+02:00": WHEN, "2026-03-01 10:20:30 UTC": WHEN, "2026-03-01T10:20:30": WHEN,
        "2026-03-01 10:20:30.250000": WHEN.replace(microsecond=250_000), "Sun, 01 Mar 2026 10:20:30 GMT": WHEN,
        "2026-03-01": WHEN.replace(hour=0, minute=0, second=0),
        "yesterday": None, "2026-02-30 00:00:00": None, "0000-00-00 00:00:00": None, "1969-12-31 23:59:59": None,
        "2200-01-01 00:00:00": None, "9999-12-31T23:59:59-14:00": None, "1772360430": None,
    },
    "iso": {
        "2026-03-01 10:20:30": "2026-03-01T10:20:30+00:00", "Sun, 01 Mar 2026 10:20:30 GMT": "2026-03-01T10:20:30+00:00",
        "2026-03-01T12:20:30.25+02:00": "2026-03-01T10:20:30.250+00:00", "Sun, 01 Mar 2026 12:20:30 +0200": "2026-03-01T10:20:30+00:00",
        "yesterday": None,
    },
    "epoch": {"1772360430": WHEN, "1772360430.25": WHEN.replace(microsecond=250_000), "-1": None, "1e300": None, "x": None},
    "epoch_ms": {"1772360430000": WHEN, "x": None},
    "filetime": {"134168340300000000": WHEN, "134168340302500000": WHEN.replace(microsecond=250_000), "0": None, "-1": None,
                 "9223372036854775807": None, "x": None},
    "ip": {
        "192.0.2.7": "192.0.2.7", "2001:DB8:0:0::7": "2001:db8::7", "::ffff:192.0.2.7": "192.0.2.7",
        "192.0.2.07": None, "192.0.2.256": None, "192.0.2": None, "0.0.0.0": None, "::": None, "fe80::1%eth0": None,
        "192.0.2.7/32": None, " 192.0.2.7": None, "3221225991": None, "1.2.3.4.5": None,
    },
    "network": {"192.0.2.0/24": "192.0.2.0/24", "192.0.2.9/24": "192.0.2.0/24", "2001:DB8::/32": "2001:db8::/32",
                "192.0.2.7": None, "192.0.2.0/33": None},
    "port": {"0": 0, "65535": 65535, "65536": None, "-1": None, "80.5": None, "http": None, "1e3": None},
    "asn": {"64500": 64500, "AS64500": 64500, "as 64500": 64500, "4294967295": 2**32 - 1, "4294967296": None, "-": None},
    "int": {"12": 12, "-12": -12, "007": 7, "9223372036854775808": None, "1.5": None},
    "nonzero": {"12": 12},
    "float": {"1.5": 1.5, "-2": -2.0, "nan": None, "inf": None, "1,5": None},
    "bool": {"Y": True, "yes": True, "1": True, "Enabled": True, "N": False, "false": False, "0": False, "maybe": None},
    "fqdn": {
        "www.example.net": "www.example.net", "WWW.Example.NET.": "www.example.net", "münchen.example": "xn--mnchen-3ya.example",
        "_dmarc.example.net": "_dmarc.example.net", "localhost": None, "192.0.2.7": None, "a..b": None, "-a.example": None,
        "a" * 64 + ".example": None, ".".join(["a" * 60] * 5): None, "exa mple.net": None, "xn--zckzah.xn--zckzah": "xn--zckzah.xn--zckzah",
    },
    "url": {"http://www.example.net/a?b=c#d": "http://www.example.net/a?b=c#d", "https://[2001:db8::7]:8443/": "https://[2001:db8::7]:8443/",
            "/path": None, "www.example.net": None, "http://": None, "http://a b/": None, "javascript:alert(1)": None},
    "request_line": {"GET /a?b HTTP/1.1": "GET /a?b HTTP/1.1", "GET /cut-of": "GET /cut-of", "/a": None, "http://a.example/": None,
                     "get /a HTTP/1.1": None},
    "base64": {"R0VUIC8=": "R0VUIC8=", "GET /": "R0VUIC8=", "é": "w6k=", "AAA": "QUFB"},
    "md5": {"A" * 32: "a" * 32, "g" * 32: None, "a" * 31: None},
    "sha1": {"b" * 40: "b" * 40, "b" * 39: None},
    "sha256": {"C" * 64: "c" * 64, "": None},
    "cc": {"bb": "BB", "BB": "BB", "BRB": None, "1": None},
    "severity": {"High": "high", "undefined": "undefined", "severe": None},
    "transport": {"TCP": "tcp", "ipv6-icmp": "ipv6-icmp", "6": None, "t": None},
    "tlp": {"TLP:AMBER+STRICT": "amber+strict", "white": "clear", "purple": "red"},
    "cve": {"ssl;cve-2014-3566;cve-2014-3566;vpn": "CVE-2014-3566", "CVE-2021-26855,cve-2020-0601": "CVE-2020-0601,CVE-2021-26855",
            "rdp": None, "cve-20201": None},
    "ip_in": {"http://192.0.2.7:8080/a": "192.0.2.7", "192.0.2.7:443": "192.0.2.7", "192.0.2.7": "192.0.2.7",
              "https://u:p@[2001:DB8::7]:8443/": "2001:db8::7", "2001:db8::7": "2001:db8::7", "a.example:80": None, "192.0.2.7 192.0.2.8": "192.0.2.7", " ": None,
              "http://a.example/192.0.2.7": None},
    "name_in": {"https://WWW.Example.NET:8443/a?b@c": "www.example.net", "a.example:80": "a.example", "ann@example.org": "example.org",
                "example.org": "example.org", "http://192.0.2.7/": None, "two words": None},
    "port_in": {"http://a.example:8080/x": 8080, "192.0.2.7:443": 443, "[2001:db8::7]:80": 80, "a.example": None,
                "a.example:99999": None, "2001:db8::7": None},
    "json": {'{"a": 1, "é": [true]}': '{"a":1,"é":[true]}', "{}": "{}", "[1]": None, "{": None, '{"a": NaN}': None},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CASTS))
def test_it_casts_good_values_and_refuses_bad_ones(name: str) -> None:
    cases = CASES[name]
    column = pl.Series("c", list(cases), dtype=pl.String())
    before = column.to_list()
    done = CASTS[name].function(column)
    assert dict(zip(cases, done.to_list(), strict=True)) == cases
    assert done.dtype == CASTS[name].dtype
    assert column.to_list() == before, "a cast must not change what it is given"


@pytest.mark.parametrize("name", sorted(CASTS))
def test_it_keeps_gaps_and_the_length(name: str) -> None:
    good = next(text for text, value in CASES[name].items() if value is not None)
    column = pl.Series([None, good, None, good], dtype=pl.String())
    done = CASTS[name].function(column)
    assert done.is_null().to_list() == [True, False, True, False]
    assert CASTS[name].function(column.clear()).to_list() == []
    assert CASTS[name].function(pl.Series([None], dtype=pl.String())).to_list() == [None]


@given(
    st.lists(
        st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(lambda a: a.exploded.upper()), max_size=20
    )
)
@settings(max_examples=100, deadline=None)
def test_it_agrees_with_the_standard_library_on_addresses(texts: list[str]) -> None:
    done = CASTS["ip"].function(pl.Series(texts, dtype=pl.String())).to_list()
    for text, got in zip(texts, done, strict=True):
        address = ipaddress.ip_address(text)
        mapped = getattr(address, "ipv4_mapped", None) or address
        assert got == (None if mapped.is_unspecified else str(mapped))


@given(st.lists(st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){2,4}", fullmatch=True), max_size=20))
@settings(max_examples=200, deadline=None)
def test_it_refuses_whatever_the_standard_library_refuses(texts: list[str]) -> None:
    done = CASTS["ip"].function(pl.Series(texts, dtype=pl.String())).to_list()
    for text, got in zip(texts, done, strict=True):
        try:
            right = str(ipaddress.IPv4Address(text))
        except ValueError:
            right = None
        assert got == (None if right == "0.0.0.0" else right)


def test_it_composes_urls_from_host_and_path() -> None:
    path = pl.Series(["/a?b", "http://x.example/c", "/d", None, "e", "/f"])
    host = pl.Series(
        ["www.example.net", "www.example.net", None, "www.example.net", "www.example.net", "no host"]
    )
    assert url_of_host(path, host).to_list() == [
        "http://www.example.net/a?b",
        "http://x.example/c",
        None,
        None,
        None,
        None,
    ]


def test_it_composes_urls_from_host_and_request_line() -> None:
    line = pl.Series(["GET /a?b HTTP/1.1", "POST /cut", "GET http://x.example/ HTTP/1.1"])
    host = pl.Series(["www.example.net"] * 3)
    assert url_of_host(line, host).to_list() == [
        "http://www.example.net/a?b",
        "http://www.example.net/cut",
        None,
    ]


@given(st.lists(st.text(max_size=20) | st.binary(max_size=12).map(lambda b: base64.b64encode(b).decode())))
@settings(max_examples=200, deadline=None)
def test_it_gives_base64_for_any_text_and_leaves_base64_alone(texts: list[str]) -> None:
    cast = CASTS["base64"].function
    done = cast(pl.Series(texts, dtype=pl.String()))
    for text, got in zip(texts, done.to_list(), strict=True):
        assert got == text or base64.b64decode(got) == text.encode()
    assert cast(done).to_list() == done.to_list()


def test_it_has_a_cast_of_the_right_type_for_every_field() -> None:
    for column in COLUMNS:
        if not column.own:
            assert CASTS[natural(column.field)].dtype == BY_FIELD[column.field].dtype, column.field
    assert natural("extra.asn") == "text"


@given(
    st.lists(
        st.from_regex(r"[0-9a-fA-F]{1,4}(::?[0-9a-fA-F]{0,5}){1,8}(\.[0-9]{1,3}){0,4}", fullmatch=True),
        max_size=20,
    )
)
@settings(max_examples=200, deadline=None)
def test_it_takes_the_ipv6_addresses_that_the_standard_library_takes(texts: list[str]) -> None:
    done = CASTS["ip"].function(pl.Series(texts, dtype=pl.String())).to_list()
    for text, got in zip(texts, done, strict=True):
        try:
            address = ipaddress.IPv6Address(text)
        except ValueError:
            assert got is None
            continue
        mapped = address.ipv4_mapped or address
        assert got == (None if mapped.is_unspecified else str(mapped))


def test_it_makes_networks_of_two_columns() -> None:
    made = network_of_mask(
        pl.Series(["192.0.2.0", "nowhere", "192.0.2.9"]), pl.Series(["24", "24", " 255.255.255.0"])
    )
    assert made.to_list() == ["192.0.2.0/24", None, "192.0.2.0/24"]
