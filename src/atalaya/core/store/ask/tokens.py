"""From text to tokens: parentheses, joining words, minus signs, and terms with their values."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from atalaya.core.store.ask import problem
from atalaya.core.store.ask.problem import Problem
from atalaya.core.store.ask.tree import WORDS, Span, Value

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.+")


@dataclass(frozen=True)
class Token:
    """`kind`: ( ) - and or not, "field" (its name in `text`, its values beside it) or "word" (its one value)."""

    kind: str
    text: str
    span: Span
    values: tuple[Value, ...] = ()


@dataclass(frozen=True)
class _Sign:
    """One character; `literal` when a backslash or quotation marks took its meaning from it."""

    char: str
    at: int
    literal: bool
    quoted: bool = False


def is_place(text: str) -> bool:
    """Whether this is an address, a prefix or a URL: the only words that may have a colon."""
    if URL.fullmatch(text):
        return True
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a question. Raises Problem for a quotation mark that is not closed and a field without a value."""
    at = 0
    while at < len(text):
        char = text[at]
        if char.isspace():
            at += 1
        elif char in "()":
            yield Token(char, char, (at, at + 1))
            at += 1
        elif char == "-" and at + 1 < len(text) and not text[at + 1].isspace():
            yield Token("-", char, (at, at + 1))
            at += 1
        else:
            signs, at = _chunk(text, at)
            yield _term(signs, at)


def _chunk(text: str, at: int) -> tuple[list[_Sign], int]:
    """Everything up to the next space or parenthesis that means one."""
    signs: list[_Sign] = []
    opened: int | None = None
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            signs.append(_Sign(text[at + 1], at, True, opened is not None))
            at += 2
            continue
        if char == '"':
            opened = at if opened is None else None
            signs.append(_Sign("", at, True, True))
        elif opened is None and (char.isspace() or char in "()"):
            break
        else:
            signs.append(_Sign(char, at, opened is not None, opened is not None))
        at += 1
    if opened is not None:
        raise Problem(problem.QUOTE, at=opened, end=len(text))
    return signs, at


def _term(signs: list[_Sign], end: int) -> Token:
    span = (signs[0].at, end)
    plain = "".join(sign.char for sign in signs)
    if not any(sign.literal for sign in signs):
        if plain.lower() in WORDS:
            return Token(plain.lower(), plain, span)
        if is_place(plain):
            return Token("word", plain, span, (Value(plain, False, span),))
    colon = next((i for i, sign in enumerate(signs) if sign.char == ":" and not sign.literal), None)
    name = "" if colon is None else "".join(sign.char for sign in signs[:colon])
    if colon is None or not NAME.fullmatch(name):
        return Token("word", plain, span, (_value(signs, end),))
    values = tuple(_values(signs[colon + 1 :], end, name, signs[colon].at + 1))
    return Token("field", name, (span[0], signs[colon].at), values)


def _values(signs: list[_Sign], end: int, name: str, at: int) -> Iterator[Value]:
    part: list[_Sign] = []
    for sign in [*signs, None]:
        if sign is None or (sign.char == "," and not sign.literal):
            stop = end if sign is None else sign.at
            if not part:
                raise Problem(problem.NOTHING, at=stop if signs else at, end=end, word=f"{name}:")
            yield _value(part, stop)
            part = []
        else:
            part.append(sign)


def _value(signs: list[_Sign], end: int) -> Value:
    """`exact` when any of it stood in quotation marks."""
    text = "".join(sign.char for sign in signs)
    return Value(text, any(sign.quoted for sign in signs), (signs[0].at, end))
