"""Networks and contacts as plain texts, as a proposal keeps them, and back. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from datetime import date

from django.conf import settings
from django.utils.translation import gettext as _

from atalaya.apps.portal.models import Proposal
from atalaya.apps.registry.cleaning import Problem, Refused, against, clean
from atalaya.apps.registry.models import Contact, Network, Organisation

Row = Network | Contact

FIELDS: dict[str, tuple[str, ...]] = {
    Proposal.Kind.NETWORK: ("value", "valid_from", "valid_to"),
    Proposal.Kind.CONTACT: ("name", "role", "email", "phone", "language", "priority", "hours", "timezone", "active"),
}  # fmt: skip
"""What may be proposed of each kind of row."""
DATES = frozenset({"valid_from", "valid_to"})


def kind_of(row: Row) -> str:
    """The `Proposal.Kind` of a row."""
    return Proposal.Kind.NETWORK if isinstance(row, Network) else Proposal.Kind.CONTACT


def fresh_row(kind: str, organisation: Organisation) -> Row:
    """An empty row of the organisation."""
    if kind == Proposal.Kind.NETWORK:
        return Network(organisation=organisation, kind="", source="owner")
    return Contact(organisation=organisation, timezone=settings.CONFIG.node.timezone)


def values_of(row: Row) -> dict[str, str]:
    """The fields of a row as texts."""
    return {name: _text(getattr(row, name)) for name in FIELDS[kind_of(row)]}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def with_values(row: Row, values: Mapping[str, str]) -> Row:
    """A copy of the row with these fields. Raises Refused for a text that is no date or number."""
    changed = copy(row)
    for name in FIELDS[kind_of(row)]:
        if name in values:
            setattr(changed, name, _value(name, values[name]))
    if isinstance(changed, Network):
        changed.kind = ""
    return changed


def _value(name: str, text: str) -> object:
    try:
        if name in DATES:
            return date.fromisoformat(text) if text else None
        if name == "priority":
            return int(text)
    except ValueError as error:
        raise Refused(Problem(name, _("This cannot be read."), _("Check the date or number."))) from error
    return text == "yes" if name == "active" else text


def problems_of(row: Row) -> None:
    """Bring the row into its canonical form. Raises Refused with everything that stands against it."""
    if problems := clean(row) or against(row):
        raise Refused(*problems)


def differences(proposal: Proposal) -> list[tuple[str, str, str]]:
    """Field, what it is and what it shall be, for every field that differs."""
    return [
        (name, proposal.before.get(name, ""), proposal.after.get(name, ""))
        for name in FIELDS[proposal.kind]
        if proposal.before.get(name, "") != proposal.after.get(name, "")
    ]
