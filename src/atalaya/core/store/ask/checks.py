"""Whether a value is one that its field can have, and what the value means."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime

from atalaya.core.errors import BadInput
from atalaya.core.store import addresses
from atalaya.core.store.ask import problem, times
from atalaya.core.store.ask.fields import Field
from atalaya.core.store.ask.problem import Problem
from atalaya.core.store.ask.tree import Value

NUMBER = re.compile(r"(?P<sign><=|>=|<|>)?(?P<low>-?\d{1,19})(-(?P<high>\d{1,19}))?")
AS = re.compile(r"[Aa][Ss]\s?(?=\d)")
RANKED = re.compile(r"(?P<sign><=|>=|<|>)?(?P<name>\S+)")


def check(field: Field, value: Value, beside: tuple[Value, ...] = ()) -> Value:
    """The value itself. Raises Problem when the field cannot have it, or takes one alone and gets several."""
    if field.kind in ("since", "until"):
        if len(beside) > 1:
            raise Problem(problem.ONE, at=beside[1].span[0], end=beside[-1].span[1], field=field.name)
        times.check(value)
    elif value.nothing or value.wild:
        pass
    elif field.kind == "network":
        _address(value)
    elif field.kind == "number":
        bounds(field, value)
    elif field.kind == "ranked":
        ranks(field, value)
    elif field.values and value.text.lower() not in field.values:
        raise _choice(field, value, value.text)
    return value


def _address(value: Value) -> None:
    try:
        addresses.network(value.text)
    except BadInput as error:
        raise Problem(problem.ADDRESS, at=value.span[0], end=value.span[1], word=value.text) from error


def bounds(field: Field, value: Value) -> tuple[int, int]:
    """Lowest and highest number that a value of a number field means, both included."""
    text = AS.sub("", value.text) if field.name == "asn" else value.text
    found = NUMBER.fullmatch(text)
    least = -(2**63) if field.name == "finding" else 0
    wrong = Problem(problem.NUMBER, at=value.span[0], end=value.span[1], word=value.text, field=field.name)
    if not found or (found["sign"] and found["high"]):
        raise wrong
    low, high = int(found["low"]), int(found["high"] or found["low"])
    if not least <= low <= high <= field.most:
        raise wrong
    match found["sign"]:
        case ">":
            return low + 1, field.most
        case ">=":
            return low, field.most
        case "<":
            return least, low - 1
        case "<=":
            return least, low
    return low, high


def ranks(field: Field, value: Value) -> list[str]:
    """The names in an ordered list that a value means: high is itself, >=high is high and critical."""
    found = RANKED.fullmatch(value.text.lower())
    if not found or found["name"] not in field.values:
        raise _choice(field, value, found["name"] if found else value.text)
    at = field.values.index(found["name"])
    chosen = {">": slice(at + 1, None), ">=": slice(at, None), "<": slice(0, at), "<=": slice(0, at + 1)}
    return list(field.values[chosen.get(found["sign"] or "", slice(at, at + 1))])


def _choice(field: Field, value: Value, word: str) -> Problem:
    near = difflib.get_close_matches(word.lower(), field.values, 1, 0.5)
    at, end = value.span
    return Problem(
        problem.CHOICE, at=at, end=end, meant=near[0] if near else "", word=value.text, field=field.name
    )


def moment(value: Value) -> datetime:
    """The moment of a time that is resolved. Raises ValueError for one that is not."""
    return datetime.fromisoformat(value.text).astimezone(UTC)
