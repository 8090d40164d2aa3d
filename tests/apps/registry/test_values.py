from __future__ import annotations

import ipaddress
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atalaya.apps.registry import values
from atalaya.apps.registry.hours import at_work, hours
from atalaya.apps.registry.values import BadValue


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("192.0.2.0/24", ("prefix", "192.0.2.0/24")),
        (" 192.0.2.0/255.255.255.0 ", ("prefix", "192.0.2.0/24")),
        ("192.0.2.7", ("prefix", "192.0.2.7/32")),
        ("2001:DB8:0:0::/32", ("prefix", "2001:db8::/32")),
        ("2001:db8::1", ("prefix", "2001:db8::1/128")),
        ("AS64500", ("asn", "AS64500")),
        ("as 64500", ("asn", "AS64500")),
        ("64500", ("asn", "AS64500")),
        ("1.10", ("asn", "AS65546")),
        ("AS4200000000", ("asn", "AS4200000000")),
        ("Example.ORG.", ("domain", "example.org")),
        ("*.example.org", ("domain", "example.org")),
        ("café.example", ("domain", "xn--caf-dma.example")),
        ("cafe\u0301.example", ("domain", "xn--caf-dma.example")),
        ("PEÑA.com.pe", ("domain", "xn--pea-8ma.com.pe")),
        ("gov.bb", ("domain", "gov.bb")),
    ],
)
def test_it_has_one_spelling(typed: str, kept: tuple[str, str]) -> None:
    assert values.network(typed) == kept
    assert values.network(kept[1]) == kept


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("192.0.2.5/24", "192.0.2.0/24 for the whole network, or 192.0.2.5/32"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("192.0.2.0 - 192.0.2.127", "192.0.2.0/25"),
        ("192.0.2.1-192.0.3.77", "each of its"),
        ("192.0.2.9-192.0.2.1", "like 192.0.2.0/24"),
        ("0.0.0.0/0", "/8 or longer"),
        ("::/0", "/16 or longer"),
        ("::ffff:192.0.2.1", "as IPv4"),
        ("fe80::1%eth0", "like 192.0.2.0/24"),
        ("192.0.2.0/33", "like 192.0.2.0/24"),
        ("300.0.2.0/24", "like 192.0.2.0/24"),
        ("0", "AS64500"),
        ("AS23456", "AS64500"),
        ("AS4294967295", "AS64500"),
        ("AS99999999999", "AS64500"),
        ("70000.1", "AS64500"),
        ("com", "example.com"),
        ("com.br", "example.com.br"),
        ("https://www.example.org/contact", "example.org"),
        ("abuse@example.org", "example.org"),
        ("exa_mple.org", "like example.org"),
        ("-a.org", "like example.org"),
        ("a..org", "like example.org"),
        ("xn--99999999999999.org", "like example.org"),
        ("", "like example.org"),
    ],
)
def test_it_refuses_with_advice(typed: str, advice: str) -> None:
    with pytest.raises(BadValue) as refused:
        values.network(typed)
    assert refused.value.what
    assert advice in refused.value.advice


@given(st.ip_addresses(), st.integers(min_value=0, max_value=128))
@settings(max_examples=300, deadline=None)
def test_it_canonicalises_prefixes_to_fixed_points(address, length) -> None:
    length = min(max(length, values.WIDEST[address.version]), address.max_prefixlen)
    net = ipaddress.ip_network(f"{address}/{length}", strict=False)
    if net.version == 6 and net.network_address.ipv4_mapped is not None:
        return
    assert values.network(str(net)) == ("prefix", str(net))
    assert values.network(f"{net.network_address.exploded}/{length}") == ("prefix", str(net))
    if address not in (net.network_address,):
        with pytest.raises(BadValue):
            values.network(f"{address}/{length}")


@given(st.integers(min_value=1, max_value=0xFFFFFFFE).filter(lambda n: n not in {23456, 0xFFFF}))
def test_it_reads_an_as_number_in_every_notation(number: int) -> None:
    for typed in (str(number), f"AS{number}", f"as {number}", f"{number >> 16}.{number & 0xFFFF}"):
        assert values.network(typed) == ("asn", f"AS{number}")


@given(st.text(max_size=80))
@settings(max_examples=500, deadline=None)
def test_it_answers_any_text_with_a_fixed_point_or_a_clear_refusal(typed: str) -> None:
    try:
        kind, value = values.network(typed)
    except BadValue as refused:
        assert refused.what and refused.advice
    else:
        assert values.network(value) == (kind, value)
        assert value.isascii()


@given(st.text(max_size=80))
@settings(deadline=None)
def test_it_cleans_text_once_and_for_all(typed: str) -> None:
    for lines in (True, False):
        try:
            kept = values.text(typed, lines=lines)
        except BadValue:
            continue
        assert values.text(kept, lines=lines) == kept
        assert "\x00" not in kept and "\r" not in kept


def test_it_lists_what_holds_a_prefix_and_a_domain() -> None:
    assert values.supernets("10.1.0.0/10".replace("10.1", "10.0"))[-1] == "10.0.0.0/8"
    assert values.supernets("192.0.2.0/24")[:2] == ["192.0.2.0/24", "192.0.2.0/23"]
    assert values.supernets("2001:db8::/32")[-1] == "2001::/16"
    assert values.parents("a.b.example.org") == ["a.b.example.org", "b.example.org", "example.org"]


def test_it_checks_the_other_fields() -> None:
    assert values.email(" Ana@Example.ORG ") == "Ana@example.org"
    assert values.website("https://example.org/a") == "https://example.org/a"
    assert values.timezone("") == "UTC"
    assert values.timezone("America/Barbados") == "America/Barbados"
    assert values.day("2026-02-28") == date(2026, 2, 28)
    assert values.fingerprint("0123 4567:89ab" + "0" * 28) == "0123456789AB" + "0" * 28
    assert values.identity("") is None


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        (values.email, "ana"),
        (values.website, "javascript:alert(1)"),
        (values.website, "ftp://example.org"),
        (values.timezone, "Mars/Olympus"),
        (values.timezone, "../../etc/passwd"),
        (values.day, "30/11/2026"),
        (values.day, "2026-02-30"),
        (values.fingerprint, "DEADBEEF"),
        (values.identity, "42"),
        (values.text, "a\x00b"),
        (hours, "Monday to Friday"),
        (hours, "Mo-Xx 08:00-16:00"),
        (hours, "Mo 16:00-08:00"),
        (hours, "Mo 08:00-25:00"),
    ],
)
def test_it_refuses_other_fields_with_advice(check, wrong: str) -> None:
    with pytest.raises(BadValue) as refused:
        check(wrong)
    assert refused.value.advice


def test_it_knows_who_is_at_work() -> None:
    week = hours("Mo-Fr 08:00-16:30 ; Sa 09:00-12:00")
    assert week == "Mo-Fr 08:00-16:30; Sa 09:00-12:00"
    monday = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
    assert at_work(week, "America/Barbados", monday)
    assert not at_work(week, "America/Tijuana", monday)
    assert not at_work(week, "UTC", datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
    assert at_work("Sa-Mo 00:00-24:00", "UTC", datetime(2026, 11, 22, 23, 59, tzinfo=UTC))
    assert at_work("24/7", "UTC", monday)
    assert at_work("", "UTC", monday)


def test_networks_stand_in_the_order_of_their_addresses() -> None:
    found = [
        ("prefix", "192.0.2.0/24"), ("prefix", "192.0.2.0/28"), ("prefix", "192.0.2.16/28"), ("prefix", "192.0.2.104/29"),
        ("prefix", "2001:db8::/32"), ("asn", "AS900"), ("asn", "AS64500"), ("domain", "example.org"),
    ]  # fmt: skip
    mixed = found[::-1]
    assert sorted(mixed, key=lambda network: values.rank(*network)) == found
