"""A rule in a few words."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from atalaya.apps.events.classes import class_name
from atalaya.apps.events.models import Rule
from atalaya.apps.registry.models import Contact

ROLES = dict(Contact.Role.choices)
FIELDS = {
    "classification.type": gettext_lazy("Class"),
    "classification.identifier": gettext_lazy("Identifier"),
    "severity": gettext_lazy("Severity"),
}
"""What a rule changes that people are told of, by the names in `rule_before`. The taxonomy follows the class."""


def deeds(rule: Rule) -> list[str]:
    """What a rule does, one phrase for each thing."""
    if rule.what != Rule.What.CHANGE:
        return [rule.get_what_display()]
    said = (
        (rule.type, _("class becomes %(value)s") % {"value": class_name(rule.type)}),
        (rule.identifier, _("identifier becomes %(value)s") % {"value": rule.identifier}),
        (rule.severity, _("severity at least %(value)s") % {"value": _(rule.severity)}),
        (rule.at_once, _("tell at once")),
        (rule.hold, _("hold the notices for a look")),
        (rule.tell_id, _("tell %(value)s instead") % {"value": rule.tell}),
        (rule.role, _("tell the contacts for %(value)s") % {"value": ROLES.get(rule.role, rule.role)}),
    )
    return [str(phrase) for there, phrase in said if there]


def before(event: dict[str, Any]) -> list[tuple[str, str]]:
    """What a rule changed in an event: the field's name for people, and what it was."""
    told = json.loads(event.get("rule_before") or "{}")
    return [
        (str(label), _value(field, told[field]) or _("nothing"))
        for field, label in FIELDS.items()
        if field in told
    ]


def _value(field: str, value: str) -> str:
    if field == "severity":
        return _(value) if value else ""
    return class_name(value) if field == "classification.type" else value
