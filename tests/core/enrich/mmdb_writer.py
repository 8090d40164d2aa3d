"""A tiny writer of MaxMind DB files, for tests: https://maxmind.github.io/MaxMind-DB/. No pointers, no caches, small trees."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Mapping
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MARK = b"\xab\xcd\xefMaxMind.com"


class Short(int):
    """A number of 16 bits."""


class Long(int):
    """A number of 64 bits."""


def value(thing: Any) -> bytes:
    """One value of the data section."""
    match thing:
        case bool():
            return _control(14, int(thing))
        case str():
            data = thing.encode()
            return _control(2, len(data)) + data
        case float():
            return _control(3, 8) + struct.pack(">d", thing)
        case int():
            data = thing.to_bytes((thing.bit_length() + 7) // 8, "big")
            kind = 5 if isinstance(thing, Short) else 9 if isinstance(thing, Long) else 6
            return _control(kind, len(data)) + data
        case list():
            return _control(11, len(thing)) + b"".join(value(one) for one in thing)
        case dict():
            return _control(7, len(thing)) + b"".join(value(key) + value(one) for key, one in thing.items())
    raise TypeError(type(thing))


def _control(kind: int, size: int) -> bytes:
    more = b""
    if size >= 29 + 256:
        size, more = 30, (size - 285).to_bytes(2, "big")
    elif size >= 29:
        size, more = 29, (size - 29).to_bytes(1, "big")
    return bytes([(kind << 5 if kind < 8 else 0) | size]) + (bytes([kind - 7]) if kind >= 8 else b"") + more


class _Tree:
    def __init__(self) -> None:
        self.nodes: list[list[Any]] = [[None, None]]

    def put(self, bits: str, record: Any) -> None:
        """A more specific network is put in after the wider one: what the wider one says holds around it."""
        at = 0
        for bit in bits[:-1]:
            below = self.nodes[at][int(bit)]
            if not isinstance(below, int):
                self.nodes.append([below, below])
                below = self.nodes[at][int(bit)] = len(self.nodes) - 1
            at = below
        self.nodes[at][int(bits[-1])] = record


class Record:
    """What is known about a network."""

    def __init__(self, data: Any) -> None:
        self.data = data


def written(
    known: Mapping[Any, Any],
    *,
    version: int = 6,
    size: int = 24,
    name: str = "Test-City",
    alias: str = "",
) -> bytes:
    """The bytes of a database. Networks are longer than 0 bits. `alias`: an IPv6 prefix that leads to the IPv4 tree."""
    tree = _Tree()
    at: dict[bytes, int] = {}
    section = b""
    for network in sorted(
        known, key=lambda one: one.prefixlen + (96 if one.version == 4 and version == 6 else 0)
    ):
        record = value(known[network])
        if record not in at:
            at[record] = len(section)
            section += record
        tree.put(_bits(network, version), Record(at[record]))
    if alias:
        tree.put(_bits(ipaddress.ip_network(alias), 6), _node_of(tree, "0" * 96))
    return _assembled(tree, section, version, size, name)


def _bits(network: Network, version: int) -> str:
    bits = f"{int(network.network_address):0{network.max_prefixlen}b}"[: network.prefixlen]
    return "0" * 96 + bits if network.version == 4 and version == 6 else bits


def _node_of(tree: _Tree, bits: str) -> Any:
    at: Any = 0
    for bit in bits:
        at = tree.nodes[at][int(bit)]
    return at


def _assembled(tree: _Tree, section: bytes, version: int, size: int, name: str) -> bytes:
    count = len(tree.nodes)

    def number(child: Any) -> int:
        if isinstance(child, Record):
            return count + 16 + int(child.data)
        return count if child is None else int(child)

    nodes = b"".join(_node(number(left), number(right), size) for left, right in tree.nodes)
    about = {
        "binary_format_major_version": Short(2), "binary_format_minor_version": Short(0), "build_epoch": Long(1_772_323_200),
        "database_type": name, "description": {"en": "for tests"}, "ip_version": Short(version), "languages": ["en"],
        "node_count": count, "record_size": Short(size),
    }  # fmt: skip
    return nodes + bytes(16) + section + MARK + value(about)


def _node(left: int, right: int, size: int) -> bytes:
    if size == 28:
        middle = (left >> 24) << 4 | right >> 24
        return (left & 0xFFFFFF).to_bytes(3, "big") + bytes([middle]) + (right & 0xFFFFFF).to_bytes(3, "big")
    return left.to_bytes(size // 8, "big") + right.to_bytes(size // 8, "big")
