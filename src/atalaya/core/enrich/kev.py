"""CISA's catalogue of known exploited vulnerabilities (KEV), as CISA publishes it in JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from atalaya.core import limits
from atalaya.core.errors import BadInput, TooLarge

CVE = re.compile(r"CVE-\d{4}-\d{4,19}")
TEXT_CHARS = 300


@dataclass(frozen=True)
class Exploited:
    """One vulnerability that is known to be exploited. `due` is the day by which US agencies must have mended it."""

    cve: str
    name: str
    product: str
    added: date | None
    due: date | None
    ransomware: bool


@dataclass(frozen=True)
class Kev:
    """The catalogue: CVE identifier, upper case -> entry. `released` is the day it says it was made."""

    entries: Mapping[str, Exploited] = field(default_factory=dict)
    version: str = ""
    released: date | None = None


NONE = Kev()
"""No catalogue is loaded."""


def read(path: Path) -> Kev:
    """The catalogue in a file. Raises BadInput that says what is wrong and in which entry."""
    if path.stat().st_size > limits.DOCUMENT_BYTES:
        raise TooLarge(f"The catalogue is larger than {limits.DOCUMENT_BYTES} bytes.")
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The catalogue is not JSON: {error}.") from error
    rows = document.get("vulnerabilities") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not rows:
        raise BadInput(
            "The file has no list of vulnerabilities: it is not CISA's catalogue.",
            advice="Load known_exploited_vulnerabilities.json.",
        )
    entries = [_entry(row, number) for number, row in enumerate(rows, 1)]
    return Kev(
        {one.cve: one for one in entries},
        _text(document.get("catalogVersion")),
        _day(document.get("dateReleased")),
    )


def _entry(row: Any, number: int) -> Exploited:
    cve = row.get("cveID") if isinstance(row, dict) else None
    if not isinstance(cve, str) or not CVE.fullmatch(cve.strip().upper()):
        raise BadInput(f"Entry {number} of the catalogue has no CVE identifier: {str(cve)[:50]!r}.")
    product = f"{_text(row.get('vendorProject'))} {_text(row.get('product'))}".strip()
    return Exploited(
        cve.strip().upper(),
        _text(row.get("vulnerabilityName")),
        product,
        _day(row.get("dateAdded")),
        _day(row.get("dueDate")),
        _text(row.get("knownRansomwareCampaignUse")).lower() == "known",
    )


def _text(value: Any) -> str:
    return (
        "".join(char for char in value if char.isprintable())[:TEXT_CHARS].strip()
        if isinstance(value, str)
        else ""
    )


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
