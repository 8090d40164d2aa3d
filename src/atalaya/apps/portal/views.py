"""An organisation's own page: how exposed it is, what changed, what to do first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from atalaya.apps.events.queries import is_staff
from atalaya.apps.people.rights import Right, asker, needs
from atalaya.apps.portal import exposure, pictures, queries
from atalaya.apps.registry.queries import scope_of, visible_to


@require_safe
@needs(Right.READ_EVENTS)
def home(request: HttpRequest) -> HttpResponse:
    """How exposed the member's own organisations are. People of a team have their desk."""
    user = asker(request)
    if is_staff(user) or not scope_of(user):
        return redirect("/")
    own = list(queries.own_organisations(user)[:5])
    return _page(request, queries.Sight(user), {"own": own, "only": own[0] if len(own) == 1 else None})


@require_safe
@needs(Right.READ_EVENTS)
def organisation(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How exposed one organisation is, with its parts: for its members, and for the team."""
    user = asker(request)
    row = get_object_or_404(visible_to(user), pk=pk)
    return _page(request, queries.Sight(user, row), {"own": [row], "only": row, "one": row})


def _page(request: HttpRequest, sight: queries.Sight, more: dict[str, Any]) -> HttpResponse:
    today = timezone.localdate()
    days = [today - timedelta(days=back) for back in range(exposure.DAYS - 1, -1, -1)]
    severities = queries.severities(sight)
    context = {
        "severities": severities,
        "total": sum(tile.count for tile in severities),
        "all_url": sight.link(status="now"),
        "changes": queries.changes(sight, today),
        "picture": pictures.over_time(exposure.daily(sight.findings, days), days),
        "classes": queries.classes(sight),
        "to_do": queries.to_do(sight),
        "parts": queries.parts(sight),
        "notices": queries.latest_notices(sight),
        "answers": queries.answers(sight),
        "team": is_staff(sight.user),
        "now": timezone.now(),
        **more,
    }
    return render(request, "portal/home.html", context)
