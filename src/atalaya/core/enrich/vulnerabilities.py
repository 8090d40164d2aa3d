"""Which vulnerabilities an event names: CVE identifiers in its fields, and those that a service identifier stands for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

CVE = re.compile(r"cve-\d{4}-\d{4,19}", re.IGNORECASE)
NAMED_IN: tuple[str, ...] = ("product_vulnerabilities", "classification_identifier")
"""Columns in which a CVE identifier may stand. Shadowserver's tags come in the first."""


@dataclass(frozen=True)
class Service:
    """A service identifier whose exposure is a vulnerability by itself: `fact` says why, `source` who says so."""

    identifier: str
    cves: tuple[str, ...]
    fact: str
    source: str


@lru_cache(maxsize=1)
def services() -> Mapping[str, Service]:
    """The built-in table, services.toml, by identifier."""
    rows = tomllib.loads(Path(__file__).with_name("services.toml").read_text())["service"]
    return {
        row["identifier"]: Service(row["identifier"], tuple(row["cves"]), row["fact"], row["source"])
        for row in rows
    }


def cves_of(texts: Iterable[str | None], identifier: str | None = None) -> list[str]:
    """CVE identifiers, upper case, that some texts name and that a classification.identifier stands for, each once."""
    texts = [*texts, identifier]
    named = [found.upper() for text in texts if text for found in CVE.findall(text)]
    service = services().get(identifier or "")
    return list(dict.fromkeys([*named, *(service.cves if service else ())]))


def identifiers_of(cves: Iterable[str]) -> list[str]:
    """Service identifiers that stand for one of these CVE identifiers (upper case)."""
    wanted = set(cves)
    return [one.identifier for one in services().values() if wanted & set(one.cves)]
