"""The guard lets a socket go to public addresses alone, and to what the operator named."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atalaya.core.errors import ConfigError
from atalaya.wire import guard
from atalaya.wire.guard import Forbidden, Guard, Unreachable

PRIVATE = [
    "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "fe80::1",
    "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "64:ff9b::a00:1", "2002:a00:1::", "::10.0.0.1",
    "2001:0:a00:1::", "2001:db8::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"]


def answering(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name be at these addresses, as somebody's DNS server could."""
    answers: list[Any] = [
        (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 9))
        for one in addresses
    ]
    monkeypatch.setattr(guard, "_resolve", lambda _host, _port: answers)


@pytest.mark.parametrize("address", PRIVATE)
def test_it_refuses_private_addresses(address: str) -> None:
    assert not Guard().allows("feeds.example", address)


@pytest.mark.parametrize("address", PUBLIC)
def test_it_allows_public_addresses(address: str) -> None:
    assert Guard().allows("feeds.example", address)


@pytest.mark.parametrize("address", PRIVATE[:7] + ["::1", "::ffff:10.0.0.1"])
def test_it_opens_no_socket_to_a_name_at_a_private_address(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    answering(monkeypatch, address)
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("a socket was opened"))
    with pytest.raises(Forbidden, match=r"feeds\.example is at a private address"):
        Guard().connect("feeds.example", 80, timeout=1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0x7f.1", "2130706433"])
def test_it_opens_no_socket_to_the_machine_itself_however_it_is_written(host: str) -> None:
    with pytest.raises((Forbidden, Unreachable)):
        Guard().connect(host, 9, timeout=1)


def test_it_connects_where_it_looked_though_the_name_answers_otherwise_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        answers = iter(["127.0.0.1", "169.254.169.254"])

        def resolve(_host: str, _port: int) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

        monkeypatch.setattr(guard, "_resolve", resolve)
        with Guard.allowing(["127.0.0.0/8"]).connect("feeds.example", port, timeout=5) as opened:
            assert opened.getpeername() == ("127.0.0.1", port)


def test_it_lets_named_hosts_and_prefixes_pass() -> None:
    named = Guard.allowing(["Mirror.Local.", "10.1.0.0/16", "fd00::1"])
    assert named.allows("mirror.local", "192.168.1.1")
    assert named.allows("any.example", "10.1.2.3")
    assert named.allows("any.example", "fd00::1")
    assert not named.allows("any.example", "10.2.0.1")
    assert not named.allows("other.local", "192.168.1.1")


@pytest.mark.parametrize(
    "name", ["10.0.0.1/8", "10.0.0", "fd00::/200", '["10.0.0.1"]', "a b", "", "https://here"]
)
def test_it_refuses_an_exception_that_is_no_prefix(name: str) -> None:
    with pytest.raises(ConfigError, match="neither a host name nor a prefix"):
        Guard.allowing([name])


@given(st.ip_addresses(network="10.0.0.0/8") | st.ip_addresses(network="fc00::/7"))
def test_it_refuses_every_address_of_private_networks(address: Any) -> None:
    assert not Guard().allows("x.example", str(address))
