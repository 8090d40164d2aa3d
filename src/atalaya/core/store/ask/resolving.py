"""From a question as written to one that means the same to everybody: moments for times, identities for names.

What belongs to the top of the tree and helps to find files of the table is lifted out of it (`Asked.fields`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from atalaya.core.store import addresses
from atalaya.core.store.ask import times
from atalaya.core.store.ask.fields import BY_NAME
from atalaya.core.store.ask.tree import (
    Either,
    Every,
    Is,
    Node,
    Not,
    Value,
    Word,
    either,
    every,
    leaves,
    terms,
)

Look = Callable[[str, Value], Iterable[str]]
"""(field, value) -> UUIDs of the organisations that it means, for the fields of kind owner and registry; for a word
(field ""), of those whose name has it. Raises Problem when there are none that the asker may know."""


Stand = Callable[[str, Value], Node | None]
"""(field, value) -> what a term of this field stands for, in other fields; None when it stands for itself. Asked for fields of
kind meaning and cve. Raises Problem for a value that stands for nothing."""


@dataclass(frozen=True)
class Asked:
    """A question resolved: `fields` of `Question` lifted out of it, and `where`, what else must hold."""

    fields: dict[str, Any] = field(default_factory=dict)
    where: Node | None = None


def resolve(node: Node, now: datetime, look: Look, stand: Stand) -> Asked:
    """`now` is aware, in the asker's zone. Raises Problem for a name that nothing has."""
    fields: dict[str, Any] = {}
    rest = [one for one in terms(_resolved(node, now, look, stand)) if not _lifted(one, fields)]
    return Asked(fields, every(rest) if rest else None)


def resolved(node: Node, now: datetime, look: Look, stand: Stand) -> Node:
    """The whole tree with moments for times and identities for names, nothing lifted out of it. Raises Problem."""
    return _resolved(node, now, look, stand)


def bounded(node: Node) -> bool:
    """Whether the question says anything that bounds its time, or names one file or finding."""
    return any(
        isinstance(one, Is) and one.field in ("since", "until", "file", "finding") for one in leaves(node)
    )


def _resolved(node: Node, now: datetime, look: Look, stand: Stand) -> Node:
    match node:
        case Is(name, values):
            return (
                _standing(node, stand)
                if BY_NAME[name].kind in ("meaning", "cve")
                else _is(name, values, now, look)
            )
        case Word(value):
            named = tuple(Value(pk, True) for pk in look("", value))
            return either([node, Is("org", named)]) if named else node
        case Not(inner):
            return Not(_resolved(inner, now, look, stand))
        case Every(nodes):
            return every(_resolved(one, now, look, stand) for one in nodes)
        case Either(nodes):
            return either(_resolved(one, now, look, stand) for one in nodes)


def _standing(node: Is, stand: Stand) -> Node:
    """What a term stands for: its values are alternatives."""
    return either(stand(node.field, value) or Is(node.field, (value,)) for value in node.values)


def _is(name: str, values: tuple[Value, ...], now: datetime, look: Look) -> Node:
    kind = BY_NAME[name].kind
    if kind in ("since", "until"):
        moment = times.resolve(values[0], now, end=kind == "until")
        return Is(name, (Value(moment.isoformat(), True),)) if moment else every(())
    if kind not in ("owner", "registry"):
        return Is(name, values)
    found: list[Value] = []
    for value in values:
        found += [value] if value.nothing else [Value(pk, True) for pk in look(name, value)]
    return Is(name, tuple(dict.fromkeys(found)))


def _lifted(node: Node, fields: dict[str, Any]) -> bool:
    """Move what one term says into `fields` when nothing is lost by it."""
    if not isinstance(node, Is):
        return False
    first = node.values[0] if len(node.values) == 1 else None
    match node.field:
        case "since" | "until" if first:
            moment, join = datetime.fromisoformat(first.text), max if node.field == "since" else min
            fields[node.field] = join(fields.get(node.field, moment), moment)
            return True
        case "ip":
            return _lift_address(node.values, fields)
        case "feed" if first and "feed" not in fields and not (first.nothing or first.wild):
            fields["feed"] = first.text.lower()
            return True
    return False


def _lift_address(values: tuple[Value, ...], fields: dict[str, Any]) -> bool:
    if fields.keys() & {"ip", "prefix", "hosts"} or any(one.nothing or one.wild for one in values):
        return False
    networks = [addresses.network(one.text) for one in values]
    if len(networks) == 1:
        fields["ip" if networks[0].num_addresses == 1 else "prefix"] = values[0].text
        return True
    if all(one.num_addresses == 1 for one in networks):
        # A help for finding the files only: in IPv6 their sort keys tell a /64, so the term itself stays.
        fields["hosts"] = frozenset(one.text for one in values)
    return False
