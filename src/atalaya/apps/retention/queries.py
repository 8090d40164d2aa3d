"""What a user may see of retention: rules, holds and runs of the states whose team they work in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from django.db.models import Model, QuerySet
from django.utils import timezone

from atalaya.apps.registry.queries import Asker, scope_of
from atalaya.apps.retention import copies, policies
from atalaya.apps.retention.models import Hold, Policy, Rule, Run

Row = TypeVar("Row", bound=Model)


def visible_to(user: Asker) -> QuerySet[Run]:
    """Runs of the states whose team the user works in. Members of organisations see none."""
    return _inside(Run.objects.select_related("state"), user)


def rules_visible_to(user: Asker) -> QuerySet[Rule]:
    """Rules of the same states."""
    return _inside(Rule.objects.all(), user)


def holds_visible_to(user: Asker) -> QuerySet[Hold]:
    """Holds of the same states that have not ended."""
    held = Hold.objects.filter(ended_at=None).select_related("organisation", "made_by")
    return _inside(held, user)


def _inside(rows: QuerySet[Row], user: Asker) -> QuerySet[Row]:
    scope = scope_of(user)
    if not scope or scope.organisations is not None:
        return rows.none()
    return rows.filter(state__in=scope.states)


def policy_of(state: str) -> Policy | None:
    """Whether the rules of a state are carried out; None when it never had any."""
    return Policy.objects.filter(pk=state).select_related("decided_by").first()


def last_look(state: str) -> Run | None:
    """The last dry run that was asked for since the rules changed."""
    looks = Run.objects.filter(state=state, dry=True)
    policy = policy_of(state)
    return looks.filter(started_at__gte=policy.changed_at).first() if policy else None


def held(files: Iterable[str]) -> set[str]:
    """Which of these original files (SHA-256) hold something that is held back in any state."""
    states = Hold.objects.filter(ended_at=None).order_by("state").values_list("state", flat=True).distinct()
    today = timezone.now().date()
    return copies.held_files([policies.compiled(state, today) for state in states], files)
