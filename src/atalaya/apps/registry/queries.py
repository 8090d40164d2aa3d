"""Reads of the registry: what one may see (from `visibility`), who owns what, whom to tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from django.db.models import Count, Max

from atalaya.apps.registry.models import Contact, Network, Organisation, Revision
from atalaya.apps.registry.visibility import (
    NOTHING,
    Asker,
    Scope,
    certificates_visible_to,
    contacts_visible_to,
    inside,
    memberships_visible_to,
    networks_visible_to,
    scope_of,
    states_visible_to,
    teams_visible_to,
    visible_to,
    with_children,
)

if TYPE_CHECKING:
    from atalaya.core.pipeline.attribute import Networks

__all__ = [
    "NOTHING", "Asker", "Scope", "certificates_visible_to", "contacts_to_tell", "contacts_visible_to", "inside",
    "memberships_visible_to", "networks", "networks_visible_to", "revision", "scope_of", "state_of_networks",
    "states_visible_to", "teams_visible_to", "visible_to", "with_children",
]  # fmt: skip


def revision() -> int:
    """The number that grows with every change of networks or of who owns them."""
    return Revision.objects.filter(pk=1).values_list("number", flat=True).first() or 0


def state_of_networks() -> tuple[object, ...]:
    """What tells that networks changed: compare it with what it was. Two small queries."""
    # Every action bumps the revision; count and newest row also catch rows that a restore or a test put there by itself.
    newest = Network.objects.aggregate(rows=Count("pk"), newest=Max("created_at"))
    return revision(), newest["rows"], newest["newest"]


def networks(state: str = "") -> Networks:
    """All networks of active organisations of `state` (empty: of the node), compiled for attribution.

    Kept by the process until the registry changes; asking costs two small queries.
    """
    key = state_of_networks()
    kept = _compiled.get(state)
    if kept is None or kept[0] != key:
        kept = _compiled[state] = (key, _compile(state))
    return kept[1]


_compiled: dict[str, tuple[tuple[object, ...], Networks]] = {}
"""The newest compiled networks for each state that was asked for, with what the registry was like then."""


def _compile(state: str) -> Networks:
    from atalaya.core.pipeline.attribute import Networks

    def claims(kind: str) -> list[tuple[str, str, date | None, date | None]]:
        rows = Network.objects.filter(kind=kind, organisation__active=True)
        if state:
            rows = rows.filter(organisation__state=state)
        columns = rows.order_by("value", "pk").values_list("value", "organisation", "valid_from", "valid_to")
        return [(value, str(owner), first, last) for value, owner, first, last in columns.iterator()]

    return Networks.build(
        claims(Network.Kind.PREFIX), asns=claims(Network.Kind.ASN), domains=claims(Network.Kind.DOMAIN)
    )


ROLES_TOLD = (Contact.Role.SECURITY, Contact.Role.ABUSE, Contact.Role.TECHNICAL, Contact.Role.MANAGEMENT)
"""Whom a notice goes to: the first of these roles that somebody holds. Never press, never legal."""


def contacts_to_tell(organisation: Organisation, roles: Sequence[str] = ROLES_TOLD) -> list[Contact]:
    """Whom to tell about findings of `organisation`: the contacts of its best role that have priority 1, or the least number.

    When it has nobody to tell, the organisation that it is part of is asked, and so on up. Empty: nobody is known.
    """
    seen: set[object] = set()
    current: Organisation | None = organisation
    while current is not None and current.pk not in seen:
        seen.add(current.pk)
        if told := _first_in_line(current, roles):
            return told
        current = current.parent
    return []


def _first_in_line(organisation: Organisation, roles: Sequence[str]) -> list[Contact]:
    able = (
        organisation.contacts.filter(active=True, role__in=roles)
        .exclude(email="")
        .select_related("certificate")
    )
    contacts = list(able.order_by("priority", "name", "pk"))
    for role in roles:
        if holders := [contact for contact in contacts if contact.role == role]:
            return [contact for contact in holders if contact.priority == holders[0].priority]
    return []
