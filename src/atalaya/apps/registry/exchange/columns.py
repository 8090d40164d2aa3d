"""Which column of the file is which field of which model, and how a cell is read and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final, cast

from django.conf import settings
from django.db import models
from django.utils.translation import gettext as _

from atalaya.apps.registry import values
from atalaya.apps.registry.cleaning import Row
from atalaya.apps.registry.models import Contact, Organisation
from atalaya.apps.registry.values import BadValue

ORGANISATION: Final = "organisation"
CONTACT: Final = "contact"
NETWORK: Final = "network"
RECORDS = (ORGANISATION, CONTACT, NETWORK)

_YES = frozenset({"yes", "y", "true", "1", "x", "si", "sí", "s", "oui", "o", "sim"})
_NO = frozenset({"no", "n", "false", "0", "", "non", "não", "nao"})


def yes_or_no(cell: str) -> bool:
    """Reads yes and no in the four languages; an empty cell is no."""
    word = cell.strip().casefold()
    if word not in _YES | _NO:
        raise BadValue(_("%(value)s is neither yes nor no.") % {"value": cell}, advice=_("Write yes or no."))
    return word in _YES


def number(cell: str) -> int:
    """Reads a whole number of at most four digits; an empty cell is 1."""
    word = cell.strip() or "1"
    if not (word.isascii() and word.isdigit() and len(word) <= 4):
        raise BadValue(_("%(value)s is not a number.") % {"value": cell}, advice=_("Write 1 for the first."))
    return int(word)


def choice(choices: list[tuple[str, Any]], empty: str, cell: str) -> str:
    """Reads a code, or its label in the reader's language; an empty cell is the usual one."""
    word = cell.strip().casefold()
    if not word:
        return empty
    for code, label in choices:
        if word in (code, str(label).casefold()):
            return code
    allowed = ", ".join(code for code, _label in choices)
    raise BadValue(
        _("%(value)s is not known.") % {"value": cell},
        advice=_("Allowed: %(allowed)s.") % {"allowed": allowed},
    )


def _known_language(word: str) -> str:
    return choice(list(settings.LANGUAGES), "en", word)


def language(cell: str) -> str:
    """Reads a language code; "pt" is Brazilian Portuguese."""
    word = cell.strip().casefold().replace("_", "-")
    return "pt-br" if word == "pt" else _known_language(word)


@dataclass(frozen=True)
class Column:
    """A column of one record: its name in the file, the model's field, how to read a cell and how to write a value."""

    name: str
    field: str
    read: Callable[[str], Any] = str.strip
    write: Callable[[Any], str] = str


def _choices(model: type[Row], field: str) -> Callable[[str], str]:
    found = cast("models.CharField[str, str]", model._meta.get_field(field))
    return partial(choice, list(found.choices or ()), str(found.default))


def _flag(value: bool) -> str:
    return "yes" if value else "no"


def _day(value: date | None) -> str:
    return value.isoformat() if value else ""


COLUMNS: dict[str, tuple[Column, ...]] = {
    ORGANISATION: (
        Column("short_name", "short_name"),
        Column("sector", "sector", _choices(Organisation, "sector")),
        Column("kind", "kind", _choices(Organisation, "kind")),
        Column("critical", "critical", yes_or_no, _flag),
        Column("website", "website"),
        Column("note", "note"),
        Column("active", "active", yes_or_no, _flag),
    ),
    CONTACT: (
        Column("contact", "name"),
        Column("role", "role", _choices(Contact, "role")),
        Column("email", "email"),
        Column("phone", "phone"),
        Column("language", "language", language),
        Column("priority", "priority", number),
        Column("hours", "hours"),
        Column("timezone", "timezone"),
        Column("active", "active", yes_or_no, _flag),
    ),
    NETWORK: (
        Column("network", "value"),
        Column("valid_from", "valid_from", values.day, _day),
        Column("valid_to", "valid_to", values.day, _day),
        Column("source", "source"),
    ),
}
"""What is read cell by cell. State, organisation, parent, certificate and id point to other rows: see `planning`."""

HEADER = (
    "record", "state", "organisation",
    "short_name", "sector", "kind", "critical", "parent", "website", "note",
    "contact", "role", "email", "phone", "language", "priority", "hours", "timezone", "certificate",
    "network", "valid_from", "valid_to", "source",
    "active", "id",
)  # fmt: skip
"""All columns, in the order of an export."""

OWN: dict[str, frozenset[str]] = {
    ORGANISATION: frozenset(column.name for column in COLUMNS[ORGANISATION]) | {"parent"},
    CONTACT: frozenset(column.name for column in COLUMNS[CONTACT]) | {"certificate"},
    NETWORK: frozenset(column.name for column in COLUMNS[NETWORK]),
}
"""The columns that each record may fill, besides record, state, organisation and id."""

SHARED = frozenset({"record", "state", "organisation", "id"})

TELLS = {
    ORGANISATION: OWN[ORGANISATION] - {"active"},
    CONTACT: frozenset({"contact", "email", "phone"}),
    NETWORK: frozenset({"network"}),
}
"""A row without a word in "record" holds each record of which one of these cells is filled."""
