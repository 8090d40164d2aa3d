"""From tokens to a tree, each value checked by the kind of its field."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from atalaya.core.store.ask import problem
from atalaya.core.store.ask.checks import check
from atalaya.core.store.ask.fields import BY_NAME
from atalaya.core.store.ask.problem import Problem
from atalaya.core.store.ask.tokens import Token, tokens
from atalaya.core.store.ask.tree import Is, Node, Not, Word, either, every

LONGEST = 2_000
"""Characters of a question."""
MOST_TERMS = 200
DEEPEST = 24


def parse(text: str) -> Node:
    """The tree of a question; an empty one asks for everything.

    Raises Problem, which says what, at which character, and what may have been meant.
    """
    if len(text) > LONGEST:
        raise Problem(problem.LONG, at=LONGEST, end=len(text), limit=LONGEST)
    found = list(tokens(text))
    words = sum(1 for token in found if token.kind in ("field", "word"))
    if words > MOST_TERMS or sum(len(token.values) for token in found) > MOST_TERMS:
        raise Problem(problem.MANY, limit=MOST_TERMS)
    reader = _Reader(found, len(text))
    return reader.whole()


class _Reader:
    """Reads the tokens from left to right, one rule of the grammar in each method."""

    def __init__(self, found: list[Token], end: int) -> None:
        self._tokens = found
        self._at = 0
        self._end = end
        self._depth = 0

    def whole(self) -> Node:
        node = self._either() if self._tokens else every(())
        if token := self._next():
            raise Problem(problem.CLOSED, at=token.span[0], end=token.span[1])
        return node

    def _next(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, *kinds: str) -> Token | None:
        token = self._next()
        if token is None or token.kind not in kinds:
            return None
        self._at += 1
        return token

    def _either(self) -> Node:
        nodes = [self._every()]
        while self._take("or"):
            nodes.append(self._every())
        return either(nodes)

    def _every(self) -> Node:
        nodes = [self._one()]
        while True:
            joined = self._take("and")
            token = self._next()
            if not joined and (token is None or token.kind in ("or", ")")):
                return every(nodes)
            nodes.append(self._one())

    def _one(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise Problem(problem.DEEP, limit=DEEPEST)
        try:
            return self._inner()
        finally:
            self._depth -= 1

    def _inner(self) -> Node:
        if self._take("-", "not"):
            return Not(self._one())
        if opened := self._take("("):
            node = self._either()
            if not self._take(")"):
                raise Problem(problem.OPEN, at=opened.span[0], end=opened.span[1])
            return node
        if token := self._take("field"):
            return _is(token)
        if token := self._take("word"):
            return Word(token.values[0])
        raise self._missing()

    def _missing(self) -> Problem:
        before = self._tokens[self._at - 1] if self._at else None
        token = self._next()
        if before is None and token is not None and token.kind == ")":
            return Problem(problem.CLOSED, at=token.span[0], end=token.span[1])
        last = before or token
        word, at = (last.text, last.span[0]) if last else ("", self._end)
        return Problem(problem.NOTHING, at=at, end=last.span[1] if last else at, word=word)


def _is(token: Token) -> Node:
    field = BY_NAME.get(token.text.lower())
    if field is None:
        at, end = token.span
        raise Problem(problem.FIELD, at=at, end=end, meant=nearest(token.text, BY_NAME), word=token.text)
    return Is(field.name, tuple(check(field, value, token.values) for value in token.values))


def nearest(word: str, known: Iterable[str]) -> str:
    """What was perhaps meant by a word that is not known; "" when nothing is near."""
    candidates = list(known)
    lower = word.lower()
    starts = sorted((one for one in candidates if len(lower) > 1 and one.lower().startswith(lower)), key=len)
    by_lower = {one.lower(): one for one in candidates}
    return (starts or [by_lower[one] for one in difflib.get_close_matches(lower, by_lower, 1, 0.6)] or [""])[
        0
    ]
