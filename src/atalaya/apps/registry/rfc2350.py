"""A team in the order of RFC 2350, appendix D: the form in which teams describe themselves to each other."""

from __future__ import annotations

from typing import Any

from django.utils.html import linebreaks
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from atalaya.apps.registry.models import Team

_ORDER = (
    ("1", "document", ("document_updated", "document_url")),
    (
        "2",
        "contact",
        (
            "name", "address", "timezone", "phone", "emergency_phone", "other_telecommunication", "email",
            "certificate", "members", "website", "operating_hours", "contact_points",
        ),
    ),
    ("3", "charter", ("mission", "constituency", "sponsorship", "authority")),
    ("4", "policies", ("incident_types", "cooperation", "communication")),
    ("5", "services", ("services",)),
    ("6", "forms", ("reporting_forms",)),
    ("7", "disclaimers", ("disclaimer",)),
)  # fmt: skip


def _titles() -> dict[str, str]:
    return {
        "document": _("Document information"),
        "contact": _("Contact information"),
        "charter": _("Charter"),
        "policies": _("Policies"),
        "services": _("Services"),
        "forms": _("Incident reporting forms"),
        "disclaimers": _("Disclaimers"),
    }


def sections(team: Team) -> list[tuple[str, list[tuple[str, Any]]]]:
    """(numbered title, [(name, value)]) for each section; what is not known is None."""
    titles = _titles()
    return [
        (f"{number}. {titles[key]}", [_pair(team, name) for name in names]) for number, key, names in _ORDER
    ]


def _pair(team: Team, name: str) -> tuple[str, Any]:
    label = str(Team._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
    value: Any = getattr(team, name)
    if name == "certificate" and value is not None:
        value = value.grouped
    if isinstance(value, str) and "\n" in value:
        value = SafeString(linebreaks(value, autoescape=True))
    return label[:1].upper() + label[1:], value or None
