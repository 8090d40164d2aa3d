"""Beside the rows: how often each value comes, each a link that narrows the question to it or leaves it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from atalaya.apps.events import own_feeds
from atalaya.apps.events.asking import Names
from atalaya.apps.events.classes import class_name
from atalaya.apps.events.forms import feed_choices
from atalaya.apps.events.pivots import Pivot
from atalaya.apps.registry.models import Sector
from atalaya.apps.registry.queries import Asker
from atalaya.core.store import EventTable, Question
from atalaya.core.store import facets as store
from atalaya.web.templatetags.ui import SEVERITY_NAMES

SHOWN = 5
"""Values shown of each field."""
READ = 40
"""Values counted of each: some may be left out, as organisations that the reader may not see."""

OWNERS = 100_000
"""Owners counted for what the registry says of them."""

FIELDS: tuple[tuple[str, str, Promise], ...] = (
    ("class", "classification_type", _("Class")),
    ("severity", "severity", _("Severity")),
    ("org", "owner", _("Organisation")),
    ("identifier", "classification_identifier", _("Identifier")),
    ("malware", "malware_name", _("Malware")),
    ("port", "source_port", _("Port")),
    ("feed", "feed_code", _("Feed")),
    ("asn", "source_asn", _("AS number")),
    ("country", "source_geolocation_cc", _("Country")),
)
"""Field of the language, column, and what people call it."""


@dataclass(frozen=True)
class Item:
    """One value: what people call it, how many events have it, and where it leads."""

    text: str
    count: int
    url: str
    without_url: str


@dataclass(frozen=True)
class Facet:
    """One field with its most frequent values."""

    label: Promise
    items: list[Item]


class Labels:
    """What people call the values of a field, as one person may see them; None for what they may not."""

    def __init__(self, user: Asker) -> None:
        self._names = Names(user)
        self._feeds = dict(feed_choices(own_feeds.states_of(user)))
        self._by_field: Mapping[str, Callable[[Any], str | None]] = {
            "class": class_name,
            "severity": lambda value: str(SEVERITY_NAMES.get(value, value)),
            "org": self.organisation,
            "feed": lambda value: self._feeds.get(value, value).split(": ", 1)[-1],
            "asn": lambda value: f"AS{value}",
            "sector": lambda value: str(dict(Sector.choices).get(value, value)),
            "critical": lambda value: str(_("yes") if value == "yes" else _("no")),
        }

    def organisation(self, pk: str) -> str | None:
        """Its name, if the person may see it."""
        known = self._names.known.get(pk)
        return known[0] if known else None

    def owners(self) -> dict[str, tuple[str, str]]:
        """UUID -> sector and whether it is critical (yes or no), of the organisations that the person may see."""
        known = self._names.known.items()
        return {pk: (sector, "yes" if critical else "no") for pk, (_, sector, critical) in known}

    def of(self, field: str, value: Any) -> str | None:
        """What a value is called; None when the person may not know it."""
        return self._by_field.get(field, str)(value)

    def asked(self, field: str, value: Any) -> Any:
        """The value as the language writes it."""
        return self.organisation(value) if field == "org" else value


def facets(table: EventTable, question: Question, pivot: Pivot, labels: Labels) -> list[Facet]:
    """The fields in which the answer has more than one value."""
    counted = store.facets(table, question, [column for _, column, _ in FIELDS], OWNERS)
    found = [
        (label, list(_items(field, counted[column].head(READ), pivot, labels)))
        for field, column, label in FIELDS
    ]
    found += _of_owners(counted["owner"], pivot, labels)
    return [Facet(label, items[:SHOWN]) for label, items in found if len(items) > 1]


def _of_owners(rows: pl.DataFrame, pivot: Pivot, labels: Labels) -> Iterator[tuple[Promise, list[Item]]]:
    """What the registry says of the owners: of those alone that the reader may see."""
    known = labels.owners()
    told = rows.filter(pl.col("value").is_in(list(known)))
    for at, (field, label) in enumerate(
        (("sector", _("Sector")), ("critical", _("Critical infrastructure")))
    ):
        values = {pk: values[at] for pk, values in known.items()}
        summed = told.select(pl.col("value").replace_strict(values, return_dtype=pl.String), "count")
        ranked = (
            summed.group_by("value")
            .agg(pl.col("count").sum())
            .sort("count", "value", descending=[True, False])
        )
        yield label, list(_items(field, ranked, pivot, labels))


def _items(field: str, rows: pl.DataFrame, pivot: Pivot, labels: Labels) -> Iterator[Item]:
    for value, count in rows.iter_rows():
        text = labels.of(field, value)
        if text:
            asked = labels.asked(field, value)
            yield Item(text, count, pivot(**{field: asked}), pivot.excluding(field, asked))
