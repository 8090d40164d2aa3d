"""The state at a glance, for a person at a desk and for a screen on the wall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from atalaya.apps.desk import counts, drawings, picture, pictures, queries, usual
from atalaya.apps.desk.queries import Sight
from atalaya.apps.events import own_feeds
from atalaya.apps.events.classes import class_name
from atalaya.apps.people.rights import Right, asker, needs
from atalaya.apps.warning import words
from atalaya.apps.warning.queries import unmuted
from atalaya.apps.warning.queries import visible_to as alarms_visible_to
from atalaya.core.draw import sparkline_svg

SECONDS = 20
"""How long the wall shows each of its pages."""
SHOWN = 6
FEEDS_SHOWN = 12


def _team(request: HttpRequest) -> Sight:
    sight = Sight(asker(request))
    if not sight.team:
        raise PermissionDenied
    return sight


def _here(sight: Sight) -> str:
    """The state that is marked as one's own: the node's, or one of the asker's."""
    own: str = settings.CONFIG.node.state
    return own if own in sight.scope.states else min(sight.scope.states)


@require_safe
@needs(Right.READ_EVENTS)
def picture_page(request: HttpRequest) -> HttpResponse:
    """Map, what notices brought about, sectors, organisations and feeds."""
    sight = _team(request)
    today = timezone.localdate()
    months = picture.effect(sight, today)
    told = any(one.told or one.gone or one.solved for one in months)
    by_sector = picture.by_sector(sight)
    places = queries.top_organisations(sight)
    counts, here = picture.by_country(sight), _here(sight)
    rows = picture.feeds(sight, today)
    context = {
        "state_map": drawings.state(counts, here, picture.DAYS),
        "seen": picture.seen(sight, counts.get(here, 0)),
        "map": drawings.region(counts, here, picture.DAYS),
        "effect": drawings.effect(months) if told else None,
        "months": months,
        "sectors": drawings.sectors(by_sector) if by_sector else "",
        "organisations": drawings.organisations(places) if places else "",
        "feeds": [_feed_row(one) for one in rows[:FEEDS_SHOWN]],
        "feeds_rest": max(0, len(rows) - FEEDS_SHOWN),
        "feed_days": picture.FEED_DAYS,
    }
    return render(request, "desk/picture.html", context)


def _feed_row(one: picture.FeedDays) -> dict[str, Any]:
    name = own_feeds.name_of(one.code)
    return {
        "name": name,
        "last": one.last,
        "rows": sum(one.rows),
        "spark": sparkline_svg(one.rows, title=name),
        "url": queries.link("events:files", {"feed": one.code}),
    }


@require_safe
@needs(Right.READ_EVENTS)
def wall(request: HttpRequest) -> HttpResponse:
    """One page of the wall; the browser asks for the next one by itself. Sums alone: no address, no person."""
    sight = _team(request)
    number = int(request.GET.get("page", "1")) if request.GET.get("page", "1").isdecimal() else 1
    at = (min(number, 10**6) - 1) % len(WALL)
    name, make = WALL[at]
    context = {
        "template": f"desk/wall_{name}.html",
        "at": at + 1,
        "pages": range(1, len(WALL) + 1),
        "next": (at + 1) % len(WALL) + 1,
        "seconds": SECONDS,
        "now": timezone.now(),
        **make(sight),
    }
    return render(request, "desk/wall.html", context)


def _now(sight: Sight) -> dict[str, Any]:
    found = queries.needs(sight)
    return {"needs": sorted(found, key=lambda one: not one.count)[:SHOWN]}


def _today(sight: Sight) -> dict[str, Any]:
    days = counts.shown_days(timezone.localdate())
    found = usual.by_class(counts.daily(sight.user, days))
    rows = [{"name": class_name(one.type), "usual": one} for one in found[:SHOWN]]
    return {"classes": rows, "picture": pictures.against_usual(found, days)}


def _map(sight: Sight) -> dict[str, Any]:
    return {"map": drawings.region(picture.by_country(sight), _here(sight), picture.DAYS)}


def _state(sight: Sight) -> dict[str, Any]:
    counts, here = picture.by_country(sight), _here(sight)
    return {
        "map": drawings.state(counts, here, picture.DAYS) or drawings.region(counts, here, picture.DAYS),
        "seen": picture.seen(sight, counts.get(here, 0)),
    }


def _fix(sight: Sight) -> dict[str, Any]:
    by_sector = picture.by_sector(sight)
    return {
        "sectors": drawings.sectors(by_sector[:10]) if by_sector else "",
        "months": picture.effect(sight, timezone.localdate())[-3:],
    }


def _alarms(sight: Sight) -> dict[str, Any]:
    found = alarms_visible_to(sight.user).filter(unmuted())[:SHOWN]
    rows = [
        {"alarm": one, "what": words.what(one.kind, one.dimension), "name": words.subject_name(one)}
        for one in found
    ]
    return {"alarms": rows}


WALL: tuple[tuple[str, Callable[[Sight], dict[str, Any]]], ...] = (
    ("now", _now), ("today", _today), ("alarms", _alarms), ("state", _state), ("map", _map), ("fix", _fix),
)  # fmt: skip
"""The pages of the wall, in the order in which they are turned."""
