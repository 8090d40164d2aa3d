"""Reading the audit log: what a user may see of it, and the history of one thing."""

from __future__ import annotations

from typing import Any, Protocol

from django.db import models
from django.db.models import QuerySet

from atalaya.apps.records.models import Record


class Asker(Protocol):
    """What this app, below the one that keeps users, wants to know of a user."""

    memberships: Any

    def has_perm(self, perm: str, obj: Any = None) -> bool: ...


def visible_to(user: Asker) -> QuerySet[Record]:
    """Entries of the states in whose team on this node the user works; who manages the node, its own as well.

    A user without such a team sees nothing, whatever their role. The right to read the log is asked at the door.
    """
    states = list(user.memberships.filter(team__own=True).values_list("team__state_id", flat=True))
    if states and user.has_perm("node:manage"):
        states.append("")
    return Record.objects.filter(state__in=states)


def history_of(target: models.Model | tuple[str, str]) -> QuerySet[Record]:
    """What happened to one thing, latest first. Who may see the thing may see this."""
    kind, pk = (target._meta.label_lower, target.pk) if isinstance(target, models.Model) else target
    return Record.objects.filter(target_kind=kind, target_id=str(pk))
