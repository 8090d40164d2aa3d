"""The line that people type, as a question to the event table: names they may see, times in their zone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.utils import timezone

from atalaya.apps.events import own_feeds
from atalaya.apps.events.classes import CLASSES
from atalaya.apps.events.meanings import stand
from atalaya.apps.registry.models import Sector
from atalaya.apps.registry.queries import Asker, scope_of, visible_to
from atalaya.core.store.ask import (
    EVERYTHING,
    Is,
    Node,
    Not,
    Problem,
    Value,
    Word,
    every,
    parse,
    problem,
    terms,
)
from atalaya.core.store.ask.parser import nearest
from atalaya.core.store.ask.resolving import bounded, resolve, resolved
from atalaya.core.store.ask.tree import SPECIAL, leaves

USUAL_DAYS = 30
"""Days back that the explorer shows when nobody asks for a time."""
WORD_CHARS = 3
"""Letters a word has at least to be looked for in names of organisations."""
FIELDS: dict[str, str] = {
    "address": "ip", "asn": "asn", "domain": "domain", "organisation": "org", "type": "class", "feed": "feed",
    "since": "since", "until": "until", "severity": "severity", "identifier": "identifier", "malware": "malware",
    "port": "port", "country": "country", "finding": "finding", "file": "file",
}  # fmt: skip
"""The parameters of the form, each with its field of the language."""


def exactly(text: object) -> Value:
    """The value that means this text and nothing else."""
    shown = str(text)
    marked = not shown or "*" in shown or shown.lower() == "none" or bool(SPECIAL & set(shown))
    return Value(shown, marked)


def term(name: str, value: object) -> Node:
    """One term for a field of the language."""
    return Is(name, (exactly(value),))


class Names:
    """What names in a question mean to one person: organisations that they may see."""

    def __init__(self, user: Asker) -> None:
        self._user = user

    @cached_property
    def known(self) -> dict[str, tuple[str, str, bool]]:
        """UUID -> name, sector and whether it is critical, of every organisation that the person may see."""
        rows = visible_to(self._user).values_list("pk", "name", "sector", "critical")
        return {str(pk): (name, sector, critical) for pk, name, sector, critical in rows}

    @property
    def states(self) -> frozenset[str]:
        """States whose own feeds the person may name."""
        return own_feeds.states_of(self._user)

    def look(self, field: str, value: Value) -> Iterable[str]:
        """See `resolving.Look`."""
        if field == "sector":
            return self._sector(value)
        if field == "critical":
            return [
                pk for pk, (_, _, critical) in self.known.items() if critical == (value.text.lower() == "yes")
            ]
        text = value.text.strip().lower()
        if field == "":
            return self._holding(text) if len(text) >= WORD_CHARS and not value.wild else []
        if found := self._named(value, text):
            return found
        names = [name for name, _, _ in self.known.values()]
        at, end = value.span
        meant = nearest(value.text, names)
        raise Problem(problem.ORGANISATION, at=at, end=end, meant=meant, word=value.text)

    def _named(self, value: Value, text: str) -> list[str]:
        if value.wild:
            return self._like(text)
        same = [pk for pk, (name, _, _) in self.known.items() if text in (name.lower(), pk)]
        return same or self._holding(text)

    def _holding(self, text: str) -> list[str]:
        return [pk for pk, (name, _, _) in self.known.items() if text in name.lower()]

    def _like(self, text: str) -> list[str]:
        first, *rest = text.split("*")
        return [pk for pk, (name, _, _) in self.known.items() if _fits(name.lower(), first, rest)]

    def _sector(self, value: Value) -> list[str]:
        wanted = value.text.lower()
        if wanted not in Sector.values:
            meant = nearest(wanted, Sector.values)
            at, end = value.span
            raise Problem(problem.CHOICE, at=at, end=end, meant=meant, word=value.text, field="sector")
        return [pk for pk, (_, sector, _) in self.known.items() if sector == wanted]


def _fits(name: str, first: str, rest: list[str]) -> bool:
    """Whether a name has these parts one after the other, the first at its start and the last at its end."""
    if not name.startswith(first):
        return False
    at = len(first)
    for part in rest[:-1]:
        found = name.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(name) - len(rest[-1]) >= at and name.endswith(rest[-1])


@dataclass(frozen=True)
class Line:
    """A question as a tree, with the parameters of `queries.question_for`."""

    node: Node
    params: dict[str, Any]


def understood(node: Node, user: Asker, *, usual: bool = True) -> Line:
    """The question of a tree. With `usual`, one that says no time is asked of the last 30 days, and says so.

    Raises Problem for a class, feed or organisation that nothing has, where a near one is known.
    """
    names = Names(user)
    for leaf in leaves(node):
        _known(leaf, names)
        if isinstance(leaf, Is) and leaf.field == "rule" and scope_of(user).organisations is not None:
            # Events do not tell an owner's people which rule decided, so neither may the search.
            at, end = leaf.values[0].span
            raise Problem(problem.FIELD, at=at, end=end, word=leaf.field)
    if usual and not bounded(node):
        node = every([node, term("since", f"{USUAL_DAYS}d")])
    asked = resolve(node, timezone.localtime(), names.look, stand)
    return Line(node, {**asked.fields, "where": asked.where})


NOT_IN_RULES = frozenset({"since", "until", "finding", "file", "rule"})
"""Fields that an event on its way in does not have yet, or that mean something else every day."""


def condition(text: str, names: Names, *, checked: bool = False) -> Node:
    """The condition of a rule as a tree with every name resolved. Raises Problem; with `checked` also for a class or feed
    that nothing has where a near one is known."""
    node = parse(text)
    for leaf in leaves(node):
        if checked:
            _known(leaf, names)
        if isinstance(leaf, Is) and leaf.field in NOT_IN_RULES:
            at, end = leaf.values[0].span
            raise Problem(problem.RULE, at=at, end=end, field=leaf.field)
    return resolved(node, timezone.localtime(), names.look, stand)


def read(text: str, user: Asker, *, usual: bool = True) -> Line:
    """The question that a line of text asks. Raises Problem."""
    return understood(parse(text), user, usual=usual)


def _known(leaf: Is | Word, names: Names) -> None:
    """Raises Problem for a code that is not known when a near one is: a slip of the finger finds nothing for ever."""
    if isinstance(leaf, Word) or leaf.field not in ("class", "feed"):
        return
    codes = (
        list(CLASSES)
        if leaf.field == "class"
        else [feed.code for feed in own_feeds.known(names.states).feeds]
    )
    for value in leaf.values:
        if value.exact or value.wild or value.nothing or value.text.lower() in codes:
            continue
        if meant := nearest(value.text, codes):
            at, end = value.span
            raise Problem(problem.CHOICE, at=at, end=end, meant=meant, word=value.text, field=leaf.field)


def from_form(cleaned: dict[str, Any]) -> Iterator[Node]:
    """What a valid `forms.EventFilter` asks for, as terms."""
    if (
        cleaned.get("until")
        and not cleaned.get("since")
        and not (cleaned.get("file") or cleaned.get("finding"))
    ):
        yield term("since", cleaned["until"] - timedelta(days=USUAL_DAYS))
    for param, name in FIELDS.items():
        value = cleaned.get(param)
        if value not in (None, "", False):
            yield term(name, value.name if param == "organisation" else value)
    if cleaned.get("unowned"):
        yield Is("org", (Value("none"),))


def to_form(node: Node, user: Asker) -> tuple[dict[str, str], Node]:
    """Values for the form's fields, and the rest of the question, which no field can show."""
    shown: dict[str, str] = {}
    rest: list[Node] = []
    params = {name: param for param, name in FIELDS.items()}
    names = Names(user)
    for one in terms(node):
        param = params.get(one.field) if isinstance(one, Is) else None
        text = _shown(one, names) if param and isinstance(one, Is) else ""
        if param and text and param not in shown:
            shown[param] = text
        elif one == Is("org", (Value("none"),)):
            shown["unowned"] = "on"
        else:
            rest.append(one)
    return shown, every(rest)


def _shown(one: Is, names: Names) -> str:
    """The one plain value of a term as its field of the form takes it; "" when it is more than that."""
    value = one.values[0]
    if len(one.values) > 1 or value.nothing or value.wild:
        return ""
    match one.field:
        case "org":
            found = [
                pk for pk, (name, _, _) in names.known.items() if value.text.lower() in (name.lower(), pk)
            ]
            return found[0] if len(found) == 1 else ""
        case "since" | "until":
            return value.text if len(value.text) == 10 and value.text[4] == "-" else ""
        case "port" | "severity" | "finding":
            return value.text if value.text.lstrip("-").isalnum() else ""
    return value.text


def without(node: Node, *names: str) -> Node:
    """The question without what its top says of these fields."""
    return every(one for one in terms(node) if not (isinstance(one, Is) and one.field in names))


def narrowed(node: Node, name: str, value: object) -> Node:
    """The question with this value of a field instead of what its top says of it."""
    return every([without(node, name), term(name, value)])


def excluded(node: Node, name: str, value: object) -> Node:
    """The question without the events that have this value."""
    return every([node, Not(term(name, value))])


__all__ = [
    "EVERYTHING", "FIELDS", "Line", "Names", "exactly", "excluded", "from_form", "narrowed", "read", "term", "to_form",
    "understood", "without",
]  # fmt: skip
