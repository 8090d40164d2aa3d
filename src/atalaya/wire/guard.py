"""Which addresses a node may connect to: public ones, and the private ones that its operator named.

A feed's address is typed by people, and a redirect or a DNS answer is written by strangers: each could point into the
operator's own network. So the address is judged where the socket is opened, and the socket goes to the judged address:
a name that answers otherwise the next time changes nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from atalaya.core.errors import AtalayaError, ConfigError, Temporary

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.?")
"""What may be the name of a host, in any alphabet."""
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
COMPATIBLE = ipaddress.IPv6Network("::/96")


class Forbidden(AtalayaError):
    """The host has no address that this node may connect to."""


class Unreachable(Temporary):
    """Nobody answered, or the answer was "not now". `after` is the pause in seconds that was asked for, or 0."""

    after: float = 0


@dataclass(frozen=True)
class Guard:
    """The operator's exceptions: host names, and networks of addresses."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def allowing(cls, names: Iterable[str]) -> Guard:
        """A guard that lets these private destinations pass: host names, addresses and prefixes. Raises ConfigError."""
        hosts, networks = set(), []
        for name in names:
            try:
                networks.append(ipaddress.ip_network(name))
            except ValueError as error:
                if not HOST.fullmatch(name) or name.replace(".", "").isdigit():
                    raise ConfigError(f"{name!r} is neither a host name nor a prefix: {error}.") from error
                hosts.add(name.lower().rstrip("."))
        return cls(frozenset(hosts), tuple(networks))

    def allows(self, host: str, address: str) -> bool:
        """Whether `host` may be reached at `address`, an address as text."""
        found = ipaddress.ip_address(address.partition("%")[0])
        if host.lower().rstrip(".") in self.hosts or any(found in one for one in self.networks):
            return True
        return all(is_public(one) for one in _meant(found))

    def connect(self, host: str, port: int, *, timeout: float, buffer: int = 0) -> socket.socket:
        """A socket to the first allowed address that answers within `timeout` seconds.

        `buffer` is the size in bytes of what the system may receive ahead of us, 0 for its own choice. Raises Forbidden
        when no address of the host is allowed, Unreachable when none answers.
        """
        answers = _resolve(host, port)
        allowed = [one for one in answers if self.allows(host, str(one[4][0]))]
        if not allowed:
            raise Forbidden(
                f"{host} is at a private address: this node does not connect there.",
                advice="An operator can name it in [collection] private.",
            )
        problem: OSError | None = None
        for family, kind, protocol, _, where in allowed:
            opened = socket.socket(family, kind, protocol)
            try:
                opened.settimeout(timeout)
                if buffer:
                    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
                opened.connect(where)
            except OSError as error:
                opened.close()
                problem = error
            else:
                return opened
        raise Unreachable(f"{host} does not answer at port {port}: {problem}.") from problem


def _resolve(host: str, port: int) -> list[tuple[int, int, int, str, tuple[str | int, ...]]]:
    try:
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))  # type: ignore[arg-type]
    except (OSError, UnicodeError) as error:
        raise Unreachable(
            f"The name {host} is not found: {error}.", advice="Check the address, and the node's DNS."
        ) from error


def is_public(address: Address) -> bool:
    """Whether the address belongs to the internet at large."""
    local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_multicast or address.is_reserved or local)


def _meant(address: Address) -> list[Address]:
    """The addresses that a packet may end at: the address itself, or the IPv4 addresses that it stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in NAT64 or (address in COMPATIBLE and int(address) > 1):
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    tunnels = (address.sixtofour, *(address.teredo or ()))
    return [address, *(one for one in tunnels if one is not None)]
