"""A question as a tree, and the tree as text again: `parse(written(tree)) == tree`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

SPECIAL = frozenset('"(),\\ \t\r\n\u00a0')
"""Signs that end or change a plain value."""
WORDS = frozenset({"and", "or", "not"})
"""Words that join others, in any case."""

Span = tuple[int, int]
"""First character and the one after the last, in the text that was read."""


@dataclass(frozen=True)
class Value:
    """A value as written. `exact`: it stood in quotation marks, so that no sign in it means anything else."""

    text: str
    exact: bool = False
    span: Span = field(default=(0, 0), compare=False, repr=False)

    @property
    def nothing(self) -> bool:
        """Whether this asks for what is empty."""
        return not self.exact and self.text.lower() == "none"

    @property
    def wild(self) -> bool:
        """Whether a * in it stands for anything."""
        return not self.exact and "*" in self.text


@dataclass(frozen=True)
class Is:
    """A field that has one of these values. `field` is the name in `fields.BY_NAME`."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Word:
    """A word without a field: looked for where words are."""

    value: Value


@dataclass(frozen=True)
class Not:
    """What must not hold."""

    node: Node


@dataclass(frozen=True)
class Every:
    """All of these. None at all: everything."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Either:
    """At least one of these two or more."""

    nodes: tuple[Node, ...]


Node = Is | Word | Not | Every | Either
EVERYTHING = Every(())


def every(nodes: Iterable[Node]) -> Node:
    """All of these, without layers that say nothing."""
    flat = [one for node in nodes for one in (node.nodes if isinstance(node, Every) else (node,))]
    return flat[0] if len(flat) == 1 else Every(tuple(flat))


def either(nodes: Iterable[Node]) -> Node:
    """One of these, without layers that say nothing. Raises ValueError for none at all."""
    flat = [one for node in nodes for one in (node.nodes if isinstance(node, Either) else (node,))]
    if not flat:
        raise ValueError("one of nothing")
    return flat[0] if len(flat) == 1 else Either(tuple(flat))


def terms(node: Node) -> tuple[Node, ...]:
    """What all must hold at the top of the tree."""
    return node.nodes if isinstance(node, Every) else (node,)


def leaves(node: Node) -> Iterator[Is | Word]:
    """Every term of the tree, from left to right."""
    match node:
        case Is() | Word():
            yield node
        case Not(inner):
            yield from leaves(inner)
        case Every(nodes) | Either(nodes):
            for one in nodes:
                yield from leaves(one)


def written(node: Node) -> str:
    """The tree as text that `parse` reads as the same tree."""
    match node:
        case Is(name, values):
            return f"{name}:{','.join(_value(value) for value in values)}"
        case Word(value):
            return _word(value)
        case Not(inner):
            return f"-{_grouped(inner, Every, Either, Not)}"
        case Every(nodes):
            return " ".join(_grouped(one, Either) for one in nodes)
        case Either(nodes):
            return " or ".join(written(one) for one in nodes)


def _grouped(node: Node, *kinds: type) -> str:
    return f"({written(node)})" if isinstance(node, kinds) else written(node)


def _value(value: Value) -> str:
    if value.exact:
        escaped = value.text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return "".join(f"\\{sign}" if sign in SPECIAL or sign.isspace() else sign for sign in value.text)


def _word(value: Value) -> str:
    if value.exact:
        return _value(value)
    text = _value(value)
    joins = value.text.lower() in WORDS or text.startswith("-")
    return "\\" + text if joins else _colon(text, value.text)


def _colon(text: str, plain: str) -> str:
    from atalaya.core.store.ask.tokens import is_place  # circular: what a place is belongs to reading

    # With an escape in it, it would not be taken for a place as it stands.
    return text if text == plain and is_place(plain) else text.replace(":", "\\:")
