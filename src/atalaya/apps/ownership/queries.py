"""What a user may see of attributions: those of the states whose team they work in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet

from atalaya.apps.ownership.models import Attribution
from atalaya.apps.registry.models import Organisation
from atalaya.apps.registry.queries import Asker, scope_of


def visible_to(user: Asker) -> QuerySet[Attribution]:
    """Attributions of the states whose team the user works in. Members of organisations see none."""
    scope = scope_of(user)
    if not scope or scope.organisations is not None:
        return Attribution.objects.none()
    return Attribution.objects.filter(state__in=scope.states).select_related("state", "decided_by")


@dataclass(frozen=True)
class Move:
    """Events that go from one owner to another; None is nobody, or somebody who is registered no more."""

    was: Organisation | None
    now: Organisation | None
    was_known: bool
    events: int
    first_day: date
    last_day: date

    @property
    def same(self) -> bool:
        """Whether the owner stays, and only the wider claims around it change."""
        return self.was_known and self.was is not None and self.was == self.now


def moves(attribution: Attribution) -> list[Move]:
    """The largest moves, most events first, with the organisations that are still registered."""
    wanted = {owner for was, now, *_ in attribution.moves for owner in (was, now) if owner}
    known = {str(row.pk): row for row in Organisation.objects.filter(pk__in=wanted)}
    return [
        Move(
            was=known.get(was or ""), now=known.get(now or ""), was_known=was is None or was in known, events=events,
            first_day=date.fromisoformat(first), last_day=date.fromisoformat(last),
        )
        for was, now, events, first, last in attribution.moves
    ]  # fmt: skip
