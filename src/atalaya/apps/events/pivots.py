"""Links from every value to the events or findings that share it, and rows of events ready to be shown."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import polars as pl
from django.urls import reverse

from atalaya.apps.events.asking import EVERYTHING, FIELDS, excluded, narrowed, term, without
from atalaya.apps.events.classes import class_name
from atalaya.apps.events.export import owner_names
from atalaya.core.store.ask import Node, written


class Pivot:
    """Addresses of the explorer that keep the question asked and change some of it."""

    def __init__(self, node: Node = EVERYTHING, *, order: str = "") -> None:
        self.node = node
        self.order = "" if order == "newest" else order

    def __call__(self, **changes: object) -> str:
        """Address with these fields set; a field set to None is taken off. Names are those of the form or of the
        language."""
        node = self.node
        for name, value in changes.items():
            field = FIELDS.get(name, name)
            node = without(node, field) if value is None else narrowed(node, field, value)
        return self.to(node)

    def excluding(self, field: str, value: object) -> str:
        """Address of the question without the events that have this value."""
        return self.to(excluded(self.node, field, value))

    def to(self, node: Node, name: str = "events:explorer", **more: str) -> str:
        """Address of a page that is asked this question."""
        asked = {"q": written(node), "order": self.order, **more}
        return f"{reverse(name)}?{urlencode({key: value for key, value in asked.items() if value})}"


@dataclass(frozen=True)
class Cell:
    """A value and where it leads."""

    text: str
    url: str = ""
    title: str = ""


@dataclass(frozen=True)
class EventRow:
    """One event as a line of the explorer."""

    at: datetime | None
    url: str
    what: Cell
    identifier: Cell
    address: Cell
    port: Cell
    domain: Cell
    owner: Cell
    feed: Cell
    severity: str


ROW_COLUMNS = (
    "time_source", "raw_file", "raw_row", "classification_type", "classification_identifier", "source_ip", "source_port",
    "source_fqdn", "owner", "owner_by", "owners", "feed_code", "feed_name", "severity",
)  # fmt: skip
"""What `event_rows` and `queries.for_reader` read of an event."""


def event_rows(events: pl.DataFrame, pivot: Pivot) -> Iterator[EventRow]:
    """Lines of the explorer for events that `queries.for_reader` has passed."""
    names = owner_names(events)
    for row in events.iter_rows(named=True):
        yield _event_row(row, names, pivot)


def _event_row(row: Mapping[str, Any], names: Mapping[str, str], pivot: Pivot) -> EventRow:
    def cell(column: str, param: str, text: str | None = None) -> Cell:
        value = row.get(column)
        return Cell(text or str(value), pivot(**{param: value})) if value not in (None, "") else Cell("")

    owner = row.get("owner") or ""
    return EventRow(
        at=row["time_source"],
        url=event_url(row["raw_file"], row["raw_row"]),
        what=cell("classification_type", "type", class_name(row.get("classification_type") or "")),
        identifier=cell("classification_identifier", "identifier"),
        address=cell("source_ip", "address"),
        port=cell("source_port", "port"),
        domain=cell("source_fqdn", "domain"),
        owner=Cell(names[owner], pivot(organisation=names[owner]), row.get("owner_by") or "")
        if owner in names
        else Cell(""),
        feed=cell("feed_code", "feed", row.get("feed_name") or row.get("feed_code")),
        severity=row.get("severity") or "",
    )


def event_url(raw_file: str, raw_row: int) -> str:
    """Address of an event's page."""
    return reverse("events:event", args=[raw_file, raw_row])


def story_of(place: str) -> Node:
    """The question for everything about an address, prefix or domain."""
    try:
        ipaddress.ip_network(place, strict=False)
    except ValueError:
        return term("domain", place)
    return term("ip", place)


def story_url(event: Mapping[str, Any]) -> str:
    """Address of the story of what an event is about; "" when it names neither address nor domain."""
    place = event.get("source_ip") or event.get("source_fqdn") or ""
    return f"{reverse('events:story')}?{urlencode({'of': place})}" if place else ""
