"""The landing page: what needs me now."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from atalaya.apps.desk import counts, pictures, queries, usual
from atalaya.apps.events.classes import class_name
from atalaya.apps.people.models import User
from atalaya.apps.people.rights import asker

CLASSES_SHOWN = 10


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What needs me now, today against the usual, and where most is to be done. A member has a page of their own."""
    user = asker(request)
    sight = queries.Sight(user)
    if sight.scope and not sight.team:
        return redirect("portal:home")
    needs = queries.needs(sight)
    context = {
        "scope": bool(sight.scope),
        "pressing": [need for need in needs if need.count],
        "quiet": [need for need in needs if not need.count],
        "steps": queries.first_steps(sight),
        "organisations": queries.top_organisations(sight),
        "files": queries.latest_files(sight),
        "room": queries.scarce_room(sight),
        "now": timezone.now(),
        **_today(user),
    }
    return render(request, "desk/home.html", context)


def _today(user: User) -> dict[str, Any]:
    today = timezone.localdate()
    days = counts.shown_days(today)
    found = usual.by_class(counts.daily(user, days))
    rows = [_row(one, today.isoformat(), days[0].isoformat()) for one in found[:CLASSES_SHOWN]]
    return {"classes": rows, "picture": pictures.against_usual(found, days)}


def _row(one: usual.Usual, today: str, first: str) -> dict[str, Any]:
    return {
        "name": class_name(one.type),
        "usual": one,
        "spark": pictures.spark(one),
        "today_url": queries.link("events:explorer", {"type": one.type, "since": today, "until": today}),
        "url": queries.link("events:explorer", {"type": one.type, "since": first, "until": today}),
    }
