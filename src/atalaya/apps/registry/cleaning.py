"""What a row of the registry must look like, whoever writes it: a form, an import, a command.

`clean` brings an instance into its canonical form and returns every problem at once. It reads no database: what one
row owes to others (names taken, circles, networks twice) is asked by `against`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from atalaya.apps.registry import values
from atalaya.apps.registry.hours import hours
from atalaya.apps.registry.models import Contact, Network, Organisation, Team
from atalaya.core.errors import BadInput

Row = Organisation | Team | Contact | Network


@dataclass(frozen=True)
class Problem:
    """What is wrong with one field, and what to do about it. `field` is the model's name for it."""

    field: str
    what: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.advice}".strip()


class Refused(BadInput):
    """A row that was not written. `problems` names every field that stood in the way."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(" ".join(problem.what for problem in problems), advice=problems[0].advice)
        self.problems = problems


_lines = partial(values.text, lines=True)
_CLEANERS: dict[type[models.Model], dict[str, Callable[[str], str]]] = {
    Organisation: {"website": values.website, "note": _lines},
    Team: {
        "email": values.email,
        "website": values.website,
        "document_url": values.website,
        "timezone": values.timezone,
    },
    Contact: {"email": values.email, "hours": hours, "timezone": values.timezone},
    Network: {},
}


def clean(row: Row) -> list[Problem]:
    """Bring every field of `row` into its canonical form, in place; returns what could not be."""
    problems = [
        problem for field in row._meta.concrete_fields if (problem := _clean_field(row, field)) is not None
    ]
    if isinstance(row, Network):
        problems += _clean_network(row)
    if isinstance(row, Contact) and not row.email and not row.phone:
        problems.append(
            Problem(
                "email", _("This contact cannot be reached."), _("Give an e-mail address or a telephone.")
            )
        )
    if isinstance(row, Contact) and not 1 <= row.priority <= 99:
        problems.append(
            Problem("priority", _("The priority is a number from 1 to 99."), _("1 is told first."))
        )
    return problems


def _clean_field(row: Row, field: models.Field[Any, Any]) -> Problem | None:
    if not isinstance(field, (models.CharField, models.TextField)) or (
        isinstance(row, Network) and field.name == "value"
    ):
        return None
    default = _lines if isinstance(field, models.TextField) else values.text
    cleaner = _CLEANERS[type(row)].get(field.name, default)
    try:
        value = cleaner(str(getattr(row, field.name)))
    except values.BadValue as error:
        return Problem(field.name, error.what, error.advice)
    setattr(row, field.name, value)
    return _measure(field, value)


def _measure(field: models.Field[Any, Any], value: str) -> Problem | None:
    if not value and not field.blank and field.name != "kind":
        return Problem(field.name, _("%(field)s is missing.") % {"field": _name_of(field)})
    if field.max_length and len(value) > field.max_length:
        shown = {"field": _name_of(field), "length": len(value), "most": field.max_length}
        return Problem(
            field.name, _("%(field)s has %(length)s characters; at most %(most)s are kept.") % shown
        )
    allowed = [choice for choice, _label in field.choices or ()]
    if value and allowed and value not in allowed:
        shown = {"field": _name_of(field), "value": value}
        advice = _("Allowed: %(allowed)s.") % {"allowed": ", ".join(allowed)}
        return Problem(field.name, _("%(field)s cannot be %(value)s.") % shown, advice)
    return None


def _name_of(field: models.Field[Any, Any]) -> str:
    name = str(field.verbose_name)
    return name[:1].upper() + name[1:]


def _clean_network(row: Network) -> list[Problem]:
    """The canonical value; the kind is told by its looks when it is not given."""
    problems = []
    try:
        if row.kind in Network.Kind.values:
            row.value = values.canonical(row.kind, row.value)
        else:
            row.kind, row.value = values.network(row.value)
    except values.BadValue as error:
        problems.append(Problem("value", error.what, error.advice))
    if row.valid_from and row.valid_to and row.valid_to < row.valid_from:
        problems.append(
            Problem("valid_to", _("The last day is before the first one."), _("Exchange the two dates."))
        )
    return problems


def against(row: Row) -> list[Problem]:
    """What stands in the database against writing the cleaned `row`."""
    if isinstance(row, Organisation):
        return _organisation_against(row)
    if isinstance(row, Team):
        return _taken(row, Team.objects.filter(state=row.state_id, name=row.name), "name")
    if isinstance(row, Contact):
        same = Contact.objects.filter(organisation=row.organisation_id, email=row.email, role=row.role)
        return _taken(row, same, "email") if row.email else []
    return _network_against(row)


def _taken(row: Row, same: models.QuerySet[Any], field: str) -> list[Problem]:
    if not same.exclude(pk=row.pk).exists():
        return []
    return [
        Problem(
            field,
            _("There is one like this already."),
            _("Change the other one, or give this one another name."),
        )
    ]


def _organisation_against(row: Organisation) -> list[Problem]:
    problems = _taken(row, Organisation.objects.filter(state=row.state_id, name=row.name), "name")
    if row.parent is not None and row.parent.state_id != row.state_id:
        problems.append(Problem("parent", _("It cannot be part of an organisation of another state.")))
    if is_circle(row):
        problems.append(
            Problem(
                "parent",
                _("An organisation cannot be part of itself, not even through others."),
                _("Choose another one."),
            )
        )
    if Organisation.objects.filter(parent=row.pk).exclude(state=row.state_id).exists():
        problems.append(Problem("state", _("It has parts in its present state."), _("Move these first.")))
    return problems


def is_circle(row: Organisation) -> bool:
    """True when following "part of" upwards from `row` comes back to something already passed."""
    passed = {row.pk}
    above = row.parent_id
    while above is not None:
        if above in passed:
            return True
        passed.add(above)
        above = Organisation.objects.filter(pk=above).values_list("parent", flat=True).first()
    return False


def _network_against(row: Network) -> list[Problem]:
    """One organisation claims a value once for any day. Claims of several organisations are conflicts, not errors."""
    same = Network.objects.filter(organisation=row.organisation_id, kind=row.kind, value=row.value).exclude(
        pk=row.pk
    )
    for other in same:
        if overlap(row, other):
            advice = _("End the other one first, or change its days.")
            return [
                Problem("value", _("This organisation has %(value)s already.") % {"value": row.value}, advice)
            ]
    return []


def overlap(one: Network, other: Network) -> bool:
    """True when the two are valid on some same day."""
    starts = [day for day in (one.valid_from, other.valid_from) if day]
    ends = [day for day in (one.valid_to, other.valid_to) if day]
    return not starts or not ends or max(starts) <= min(ends)
