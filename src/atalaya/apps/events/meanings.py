"""Fields of the language that stand for others: vulnerabilities, those known to be exploited, and techniques."""

from __future__ import annotations

from collections.abc import Iterable

from atalaya.apps.reference import queries as reference
from atalaya.core.enrich import attack
from atalaya.core.enrich.vulnerabilities import identifiers_of
from atalaya.core.store.ask import Is, Node, Not, Problem, Value, either, problem
from atalaya.core.store.ask.parser import nearest


def stand(field: str, value: Value) -> Node | None:
    """See `resolving.Stand`."""
    match field:
        case "attack":
            return _attack(value)
        case "kev":
            return _exploited(value)
    return None if value.nothing or value.wild else _naming([value.text.upper()])


def _attack(value: Value) -> Node:
    """Events of the classes that speak of a technique or tactic, given by its identifier or its name."""
    known = attack.known()
    text = value.text.strip()
    named = next((id_ for id_, name in known.items() if name.lower() == text.lower()), text)
    if classes := attack.classes_of(named):
        return Is("class", _exact(classes))
    at, end = value.span
    raise Problem(problem.CHOICE, at=at, end=end, meant=nearest(text, known), word=value.text, field="attack")


def _exploited(value: Value) -> Node:
    at, end = value.span
    if value.text.lower() not in ("yes", "no"):
        raise Problem(problem.CHOICE, at=at, end=end, meant="yes", word=value.text, field="kev")
    catalogue = reference.kev()
    if not catalogue.entries:
        raise Problem(problem.KEV, at=at, end=end)
    found = _naming(catalogue.entries)
    return found if value.text.lower() == "yes" else Not(found)


def _naming(cves: Iterable[str]) -> Node:
    """Events that name one of these vulnerabilities, or whose service identifier stands for one."""
    cves = list(cves)
    services = identifiers_of(cves)
    same = [Is("identifier", _exact(services))] if services else []
    return either([Is("cve", _exact(cves)), *same])


def _exact(texts: Iterable[str]) -> tuple[Value, ...]:
    return tuple(Value(text, True) for text in texts)
