"""From a class of the Reference Security Incident Taxonomy to techniques of MITRE ATT&CK."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class Technique:
    """One technique that events of a class speak of: `tactic_id` is the goal it serves there, `reason` why it is named."""

    id: str
    name: str
    tactic_id: str
    tactic: str
    reason: str

    @property
    def url(self) -> str:
        """Its page at MITRE."""
        return f"https://attack.mitre.org/techniques/{self.id.replace('.', '/')}/"


@lru_cache(maxsize=1)
def table() -> Mapping[str, tuple[Technique, ...]]:
    """The built-in table, attack.toml: class -> its techniques."""
    document = tomllib.loads(Path(__file__).with_name("attack.toml").read_text())
    names, tactics = document["techniques"], document["tactics"]
    found: dict[str, list[Technique]] = {}
    for row in document["map"]:
        id_, tactic = row["technique"], row["tactic"]
        found.setdefault(row["class"], []).append(
            Technique(id_, names[id_], tactic, tactics[tactic], row["reason"])
        )
    return {name: tuple(rows) for name, rows in found.items()}


def of_class(name: str | None) -> tuple[Technique, ...]:
    """Techniques that events of a class speak of; none for a class that says nothing of what an adversary does."""
    return table().get(name or "", ())


def known() -> dict[str, str]:
    """Identifier -> name of everything that may be asked for: techniques and tactics of the table."""
    every = [one for rows in table().values() for one in rows]
    parents = {one.id.partition(".")[0]: _parent_name(one) for one in every}
    return parents | {one.id: one.name for one in every} | {one.tactic_id: one.tactic for one in every}


def _parent_name(one: Technique) -> str:
    return one.name.partition(":")[0]


def classes_of(text: str) -> list[str]:
    """Classes that speak of a technique (T1110: its sub-techniques too) or tactic (TA0006), in any case."""
    wanted = text.upper()
    return [
        name
        for name, rows in table().items()
        if any(wanted in (one.id, one.id.partition(".")[0], one.tactic_id) for one in rows)
    ]
