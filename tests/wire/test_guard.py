"""Which addresses may be reached, and that the connection goes to the one that was looked at."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atalaya.core.errors import BadInput, Temporary
from atalaya.wire import guard

PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "192.0.2.1", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2001:db8::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_it_refuses_addresses_that_are_not_of_the_open_internet(address: str) -> None:
    assert not guard.is_open(ipaddress.ip_address(address))
    with pytest.raises(BadInput):
        guard.resolve(address, 443)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_it_lets_the_open_internet_pass(address: str) -> None:
    assert guard.is_open(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_it_looks_through_every_mapping(inner: ipaddress.IPv4Address) -> None:
    if not guard.is_open(inner):
        number = int(inner)
        for mapped in ((0xFFFF << 32) | number, (0x64FF9B << 96) | number, (0x2002 << 112) | (number << 80)):
            assert not guard.is_open(ipaddress.IPv6Address(mapped))


@pytest.mark.parametrize("name", ["localhost", "0x7f.1", "2130706433", "127.1"])
def test_it_looks_at_what_a_name_stands_for(name: str) -> None:
    with pytest.raises((BadInput, Temporary)):
        guard.resolve(name, 443)


def test_it_reaches_a_network_that_the_operator_names() -> None:
    allowed = guard.networks(["127.0.0.0/8"])
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with guard.connect("127.0.0.1", port, timeout=5, reachable=allowed) as connection:
            assert connection.getpeername() == ("127.0.0.1", port)
        with pytest.raises(BadInput):
            guard.connect("127.0.0.1", port, timeout=5, reachable=guard.networks(["10.0.0.0/8"]))


def test_it_says_when_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Temporary):
        guard.connect("127.0.0.1", port, timeout=5, reachable=guard.networks(["127.0.0.1"]))


def test_it_names_what_is_no_network() -> None:
    with pytest.raises(BadInput, match="10.0.0"):
        guard.networks(["10.0.0"])
