"""The tests of a rule: event lines that it must fit, or must not. One JSON object a line, by the fields of IDF."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import polars as pl
from django.utils import timezone
from django.utils.translation import gettext as _

from atalaya.apps.events.models import Rule
from atalaya.apps.registry import queries as registry
from atalaya.core.errors import BadInput
from atalaya.core.pipeline.address import parse as addresses_of
from atalaya.core.pipeline.attribute import attribute
from atalaya.core.pipeline.before import CHANGED
from atalaya.core.schema.columns import (
    BOOL,
    BY_FIELD,
    BY_NAME,
    FLOAT,
    INT,
    TEXT,
    TIME,
    field_of,
    polars_schema,
)
from atalaya.core.store.ask import Node
from atalaya.core.store.ask.compiled import compiled

MOST = 50
LONGEST = 20_000
SHOWN = (
    "time_source", "feed_code", *CHANGED, "source_ip", "source_port", "source_asn", "source_fqdn", "source_url",
    "malware_name", "protocol_transport", "product_name",
)  # fmt: skip
"""Fields of an event that its line as an example has."""


def lines(text: str) -> list[str]:
    """The event lines of a field of the form."""
    return [line.strip() for line in text.split("\n") if line.strip()]


def line_of(event: dict[str, Any]) -> str:
    """An event (columns and values) as a line to test a rule with."""
    told = {field_of(name): event[name] for name in SHOWN if event.get(name) not in (None, "")}
    return json.dumps(told, ensure_ascii=False, default=lambda at: at.isoformat())


def wrong(text: str, where: Node, row: Rule, *, wanted: bool) -> Iterator[str]:
    """What is wrong with the event lines of a rule. Raises BadInput for a line that is no event."""
    told = lines(text)
    if len(told) > MOST or len(text) > LONGEST:
        raise BadInput(_("These are too many events to test a rule with."))
    if not told:
        return
    frame = _frame([_event(line, number) for number, line in enumerate(told, 1)], row)
    for number, fits in enumerate(frame.select(compiled(where).alias("fits"))["fits"].to_list(), 1):
        if fits is not wanted:
            said = _("Event %(number)d fits.") if fits else _("Event %(number)d does not fit.")
            yield said % {"number": number}


def _event(line: str, number: int) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise BadInput(_("Line %(number)d is not a JSON object.") % {"number": number})
    event = {}
    for field, value in told.items():
        column = BY_FIELD.get(field)
        if column is None:
            raise BadInput(
                _("Line %(number)d: there is no field %(field)s.") % {"number": number, "field": field}
            )
        event[column.name] = _cast(column.name, value, f"{number}: {field}")
    return event


def _cast(name: str, value: Any, place: str) -> Any:
    """A JSON value as this column holds it."""
    try:
        held = _held(name, value)
    except (ValueError, OverflowError):
        held = None
    if held is None:
        raise BadInput(_("Line %(place)s cannot hold this value.") % {"place": place})
    return held


def _held(name: str, value: Any) -> Any:
    """The same, None or ValueError where the column cannot hold it."""
    kind = BY_NAME[name].dtype
    if name == "source_ip":
        return str(ipaddress.ip_address(value)) if isinstance(value, str) else None
    if kind == TEXT and isinstance(value, str):
        value.encode()  # half a surrogate pair is no text
        return value
    if kind == INT and type(value) is int and -(2**63) <= value < 2**63:
        return value
    if kind == TIME and isinstance(value, str):
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else timezone.make_aware(at)).astimezone(UTC)
    if kind == BOOL and type(value) is bool:
        return value
    return float(value) if kind == FLOAT and type(value) in (int, float) else None


def _frame(events: list[dict[str, Any]], row: Rule) -> pl.DataFrame:
    """The events with what the node adds on the way in: address keys and owners as they are today."""
    frame = pl.DataFrame(events, schema=polars_schema())
    frame = frame.with_columns(state=pl.lit(row.state_id), day=pl.lit(timezone.now().date()))
    where = addresses_of(frame["source_ip"])
    frame = frame.with_columns(where.keys())
    return attribute(frame, registry.networks(row.state_id), addresses=where)
