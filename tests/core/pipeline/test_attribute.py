"""Attribution against the plainest possible implementation."""

from __future__ import annotations

import ipaddress
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atalaya.core.errors import BadInput
from atalaya.core.pipeline.attribute import Networks, attribute

DAY = date(2026, 3, 1)
A, B, C, D = ("00000000-0000-0000-0000-00000000000" + digit for digit in "abcd")


def events(**columns: list[object]) -> pl.DataFrame:
    size = len(next(iter(columns.values())))
    types = {"source_ip": pl.String, "source_fqdn": pl.String, "source_asn": pl.Int64, "day": pl.Date}
    return pl.DataFrame(
        {"day": [DAY] * size, **columns},
        schema_overrides={k: v for k, v in types.items() if k in {"day", *columns}},
    )


def owned(networks: Networks, **columns: list[object]) -> list[tuple[object, object, object]]:
    return attribute(events(**columns), networks).select("owner", "owners", "owner_by").rows()


def test_it_gives_the_most_specific_owner_and_all_of_them():
    networks = Networks.build(
        [("192.0.2.0/24", A, None, None), ("192.0.2.128/25", B, None, None), ("192.0.0.0/16", A, None, None)]
    )
    assert owned(networks, source_ip=["192.0.2.1", "192.0.2.129", "192.0.3.1", "198.51.100.1", None]) == [
        (A, [A], "192.0.2.0/24"),
        (B, [B, A], "192.0.2.128/25"),
        (A, [A], "192.0.0.0/16"),
        (None, None, None),
        (None, None, None),
    ]


def test_it_breaks_a_tie_by_the_latest_start_then_by_the_uuid():
    undated = [("192.0.2.0/24", B, None, None), ("192.0.2.0/24", A, None, None)]
    assert owned(Networks.build(undated), source_ip=["192.0.2.1"]) == [(A, [A, B], "192.0.2.0/24")]
    later = [*undated, ("192.0.2.0/24", C, date(2026, 1, 1), None)]
    assert owned(Networks.build(later), source_ip=["192.0.2.1"]) == [(C, [C, A, B], "192.0.2.0/24")]


def test_it_counts_a_claim_only_on_its_days_both_ends_included():
    claims = [("192.0.2.0/24", A, None, None), ("192.0.2.0/25", B, DAY, DAY + timedelta(1))]
    days = [DAY + timedelta(n) for n in (-1, 0, 1, 2)]
    frame = events(source_ip=["192.0.2.1"] * 4).with_columns(day=pl.Series(days))
    assert attribute(frame, Networks.build(claims))["owner"].to_list() == [A, B, B, A]


def test_it_prefers_prefix_then_domain_then_asn_and_lists_all():
    networks = Networks.build(
        [("2001:db8::/32", A, None, None)],
        [("AS64500", B, None, None)],
        [("Example.ORG.", C, None, None), ("b.example.org", D, None, None)],
    )
    rows = owned(
        networks,
        source_ip=["2001:db8::1", "2001:db9::1", None, None, None],
        source_fqdn=["www.example.org", "x.b.example.org", "notexample.org", "example.org", None],
        source_asn=[64500, 64500, 64500, 1, None],
    )
    assert rows == [
        (A, [A, C, B], "2001:db8::/32"),
        (D, [D, C, B], "b.example.org"),
        (B, [B], "AS64500"),
        (C, [C], "example.org"),
        (None, None, None),
    ]


def test_it_leaves_events_without_any_network_unowned():
    assert owned(Networks.build(), source_ip=["192.0.2.1"]) == [(None, None, None)]
    assert attribute(events(source_asn=[]), Networks.build(asns=[("1", A, None, None)])).height == 0


@pytest.mark.parametrize("value", ["192.0.2.0/33", "nonsense", "192.0.2/24", "2001:db8::/129", "192.0.2.0/x"])
def test_it_refuses_what_is_no_prefix(value: str):
    with pytest.raises(BadInput, match="prefix"):
        Networks.build([(value, A, None, None)])


def test_it_refuses_what_is_no_asn():
    with pytest.raises(BadInput, match="ASN"):
        Networks.build(asns=[("ASx", A, None, None)])


def claims(bits: int) -> st.SearchStrategy[list[tuple[str, str, date | None, date | None]]]:
    # Few leading bits, so that prefixes nest and collide often.
    kind = ipaddress.IPv4Network if bits == 32 else ipaddress.IPv6Network
    first = st.integers(0, 63).map(lambda n: n << (bits - 6)) | st.integers(0, 15)
    network = st.tuples(first, st.integers(0, bits)).map(lambda pair: str(kind(pair, strict=False)))
    when = st.none() | st.integers(0, 3).map(lambda n: DAY + timedelta(n))
    return st.lists(st.tuples(network, st.sampled_from([A, B, C, D]), when, when), max_size=12)


def naive(
    address: str, day: date, networks: list[tuple[str, str, date | None, date | None]]
) -> list[str] | None:
    ip = ipaddress.ip_address(address)
    hits = [
        (-net.prefixlen, -(since or date.min).toordinal(), owner)
        for net, owner, since, until in ((ipaddress.ip_network(v), o, s, u) for v, o, s, u in networks)
        if net.version == ip.version and ip in net and (since or date.min) <= day <= (until or date.max)
    ]
    return list(dict.fromkeys(owner for _, _, owner in sorted(hits))) or None


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_it_agrees_with_the_plain_way(data: st.DataObject):
    networks = data.draw(claims(32)) + data.draw(claims(128))
    four = st.integers(0, 2**32 - 1) | st.integers(0, 15) | st.integers(0, 63).map(lambda n: n << 26)
    six = st.integers(0, 2**128 - 1) | st.integers(0, 15) | st.integers(0, 63).map(lambda n: n << 122)
    addresses = data.draw(
        st.lists(
            four.map(lambda n: str(ipaddress.IPv4Address(n)))
            | six.map(lambda n: str(ipaddress.IPv6Address(n))),
            min_size=1,
        )
    )
    days = [DAY + timedelta(data.draw(st.integers(-1, 4))) for _ in addresses]
    frame = events(source_ip=addresses).with_columns(day=pl.Series(days))
    found = attribute(frame, Networks.build(networks))
    expected = [naive(address, day, networks) for address, day in zip(addresses, days, strict=True)]
    assert found["owners"].to_list() == expected
    assert found["owner"].to_list() == [owners[0] if owners else None for owners in expected]


@pytest.mark.slow
def test_it_holds_a_million_prefixes():
    random = np.random.default_rng(7)
    starts = random.integers(0, 2**24, 1_000_000)
    networks = Networks.build(
        (f"{n >> 16}.{n >> 8 & 255}.{n & 255}.0/24", A, None, None) for n in starts.tolist()
    )
    assert (
        owned(
            networks,
            source_ip=[f"{int(starts[0]) >> 16}.{int(starts[0]) >> 8 & 255}.{int(starts[0]) & 255}.9"],
        )[0][0]
        == A
    )
