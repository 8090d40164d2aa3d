"""The private-address guard: a connection goes to an address that was looked at, and only to the open internet.

A name is resolved once and the connection made to the very address that passed, so that an answer which changes in
between opens nothing. Networks that an operator names are reachable all the same.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from atalaya.core.errors import BadInput, Temporary

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_open(address: Address) -> bool:
    """Whether an address lies in the open internet: not private, loopback, link-local, multicast, reserved or mapped
    onto such a one (IPv4-mapped, 6to4, Teredo, NAT64)."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in NAT64:
            return is_open(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is not None and not is_open(inner):
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks from their texts. Raises BadInput naming the one that is none."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError as error:
            raise BadInput(
                f"{text!r} is not a network.", advice="Write it like 10.0.0.0/8 or fd00::/8."
            ) from error
    return tuple(found)


def resolve(host: str, port: int, *, reachable: Iterable[Network] = ()) -> list[str]:
    """The addresses of a host, all of them looked at. `reachable` are networks that may be reached besides the internet.

    Raises BadInput when one of them may not be reached, Temporary when the name has none.
    """
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Temporary(f"The name {host} cannot be resolved.", advice="Check the address.") from error
    found = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    allowed = tuple(reachable)
    for text in found:
        address = ipaddress.ip_address(text.partition("%")[0])
        inside = any(address.version == one.version and address in one for one in allowed)
        if not inside and not is_open(address):
            raise BadInput(
                f"{host} leads to {address}, which is not an address of the open internet.",
                advice="Give an address that the internet can reach.",
            )
    return found


def connect(host: str, port: int, *, timeout: float, reachable: Iterable[Network] = ()) -> socket.socket:
    """A TCP connection to one of the host's addresses, in their order. Raises as `resolve`, and Temporary when none
    of them answers within `timeout` seconds."""
    last: OSError | None = None
    for address in resolve(host, port, reachable=reachable):
        try:
            return socket.create_connection((address, port), timeout=timeout)
        except OSError as error:
            last = error
    raise Temporary(f"{host} does not answer on port {port}: {last}.") from last
