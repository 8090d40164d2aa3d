"""The words of notices in four languages, read from `texts/*.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from atalaya.core import marking

FOLDER = Path(__file__).with_name("texts")
FILES = {"en": "en", "es": "es", "fr": "fr", "pt-br": "pt"}
"""Language of a contact -> file of texts."""


@dataclass(frozen=True)
class Topic:
    """The text about one matter: its name, what was seen, why it matters, and what to do in steps."""

    key: str
    name: str
    seen: str
    why: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Wording:
    """All texts of one language."""

    language: str
    tables: Mapping[str, Mapping[str, Any]]

    def say(self, key: str, **values: object) -> str:
        """A sentence of the mail's skeleton. Raises KeyError for an unknown key or a missing value."""
        return str(self.tables["mail"][key]).format_map(values)

    def topic(self, key: str) -> Topic:
        """The text about a matter. Raises KeyError for an unknown one: ask `topic_of` first."""
        table = self.tables["topic"][key]
        return Topic(key, table["name"], table["seen"], table["why"], tuple(table["do"]))

    def marking(self, tlp: str) -> str:
        """What a marking means for the reader."""
        return str(self.tables["marking"][marking.parse(tlp)])

    def role(self, role: str) -> str:
        return str(self.tables["role"].get(role, role))

    def severity(self, name: str) -> str:
        return str(self.tables["severity"].get(name, name))


@lru_cache(maxsize=len(FILES))
def _wording(name: str) -> Wording:
    return Wording(name, tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8")))


def wording(language: str) -> Wording:
    """The texts of a language; English for one that we do not speak."""
    return _wording(FILES.get(language.lower(), "en"))


@lru_cache(maxsize=1)
def _which() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads((FOLDER / "which.toml").read_text(encoding="utf-8"))


def topics() -> tuple[str, ...]:
    """Keys of all texts, in the order of the English file."""
    return tuple(wording("en").tables["topic"])


def topic_of(type: str, identifier: str) -> str:
    """Which text speaks of a finding with this class and identifier; "other" when nothing better is known."""
    known = wording("en").tables["topic"]
    if topic := _which()["identifier"].get(identifier.lower()):
        return topic
    return type if type in known else _which()["type"].get(type, "other")
