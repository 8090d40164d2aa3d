"""One event's fields in groups, each with its meaning and where it leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from atalaya.apps.events.pivots import Pivot
from atalaya.apps.reference.models import ReferenceFile
from atalaya.core.schema.columns import COLUMNS, Column

GROUPS: tuple[tuple[Promise, tuple[str, ...]], ...] = (
    (_("What was seen"), ("classification.", "event_description.", "malware.", "product.", "protocol.", "severity", "status", "comment", "tlp")),
    (_("Where"), ("source.",)),
    (_("At the other end"), ("destination.",)),
    (_("When and from whom"), ("time.", "feed.")),
    (_("Further"), ("",)),
)  # fmt: skip
"""Names of the groups and the starts of the field names in each; the first group that fits takes the field."""
ELSEWHERE = frozenset(
    {
        "extra",
        "raw",
        "owner",
        "owners",
        "owner.by",
        "owner_by",
        "key",
        "finding",
        "day",
        "source.ip_key",
        "filled",
        "rule",
        "rule.before",
    }
)
PIVOTS = {
    "source.ip": "address", "source.network": "address", "source.asn": "asn", "source.fqdn": "domain",
    "source.port": "port", "source.geolocation.cc": "country", "classification.type": "type",
    "classification.identifier": "identifier", "malware.name": "malware", "feed.code": "feed", "severity": "severity",
    "raw.file": "file",
}  # fmt: skip
"""Fields that are filters of the explorer."""


@dataclass(frozen=True)
class Field:
    """One field of an event as its page shows it."""

    name: str
    meaning: str
    text: str
    at: datetime | None
    url: str
    filled: str


@dataclass(frozen=True)
class Group:
    """Fields that belong together."""

    label: Promise
    fields: list[Field]


def fields_of(event: Mapping[str, Any]) -> list[Group]:
    """The fields that this event has, in groups; empty groups are left out."""
    pivot, filled = Pivot(), _filled(event.get("filled") or "")
    groups: dict[int, list[Field]] = {}
    for column in COLUMNS:
        value = event.get(column.name)
        if value not in (None, "") and column.field not in ELSEWHERE:
            groups.setdefault(_group(column.field), []).append(
                _field(column, value, pivot, filled.get(column.field, ""))
            )
    return [Group(GROUPS[at][0], groups[at]) for at in sorted(groups)]


def _group(field: str) -> int:
    return next(at for at, (_, starts) in enumerate(GROUPS) if field.startswith(starts))


def _filled(text: str) -> dict[str, str]:
    """Field -> what people call the kind of reference file that it was filled from."""
    kinds = dict(ReferenceFile.Kind.choices)
    pairs = (one.partition("=") for one in text.split(",") if one)
    return {field: str(kinds.get(kind, kind)) for field, _, kind in pairs}


def _field(column: Column, value: Any, pivot: Pivot, filled: str) -> Field:
    param = PIVOTS.get(column.field)
    return Field(
        name=column.field,
        meaning=gettext(column.meaning),
        text="" if isinstance(value, datetime) else str(value),
        at=value if isinstance(value, datetime) else None,
        url=pivot(**{param: value}) if param else "",
        filled=filled,
    )
