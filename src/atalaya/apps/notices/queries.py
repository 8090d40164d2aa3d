"""What a user may see of notices."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, QuerySet
from django.utils import timezone

from atalaya.apps.notices.models import Notice
from atalaya.apps.registry.queries import Asker, scope_of

Status = Notice.Status


def visible_to(user: Asker) -> QuerySet[Notice]:
    """Notices of the states whose team the user works in; a member sees what was sent to their own organisations."""
    scope = scope_of(user)
    if not scope:
        return Notice.objects.none()
    found = Notice.objects.filter(state__in=scope.states)
    if scope.organisations is not None:
        found = found.filter(organisation__in=[UUID(pk) for pk in scope.organisations], status=Status.SENT)
    return found.select_related("organisation", "contact", "state")


def in_trouble(user: Asker) -> QuerySet[Notice]:
    """Notices that need a person: not delivered, or held back."""
    return visible_to(user).filter(status__in=(Status.FAILED, Status.HELD))


def counts(user: Asker) -> dict[str, int]:
    """How many notices the user sees in each status, zero included."""
    found = visible_to(user).order_by().values_list("status").annotate(Count("pk"))
    return dict.fromkeys(Status.values, 0) | dict(found)


def about(user: Asker, finding_key: int) -> QuerySet[Notice]:
    """Notices that speak of a finding, as the user may see."""
    return visible_to(user).filter(items__finding_key=finding_key)


def due() -> QuerySet[Notice]:
    """Notices whose time has come, for the node itself. One whose message stands is tried first."""
    waiting = Notice.objects.filter(status__in=(Status.WAITING, Status.READY), send_after__lte=timezone.now())
    return waiting.order_by("-organisation__critical", "send_after")
