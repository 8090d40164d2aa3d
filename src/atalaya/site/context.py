"""What every template knows: the node, and the places that this person may go to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language, get_language_info
from django.utils.translation import gettext_lazy as _

from atalaya import __version__
from atalaya.apps.people.rights import Right, has
from atalaya.apps.people.rights import context as rights_context
from atalaya.apps.people.roles import Role
from atalaya.apps.registry.models import State
from atalaya.web.templatetags.ui import zone_name


@dataclass(frozen=True)
class Place:
    """A page that the navigation leads to: URL name, words, drawing, the right that one needs to go there, and
    whether it holds something for a team's people only, or for organisations' members only."""

    name: str
    label: Any
    icon: str
    right: Right | None = None
    team: bool = False
    member: bool = False


NAV: tuple[tuple[Any, tuple[Place, ...]], ...] = (
    (
        "",
        (
            Place("portal:home", _("Our exposure"), "lamp", Right.READ_EVENTS, member=True),
            Place("desk:home", _("Desk"), "desk", team=True),
            Place("desk:picture", _("Picture"), "map", Right.READ_EVENTS, team=True),
            Place("events:explorer", _("Events"), "events", Right.READ_EVENTS),
            Place("events:findings", _("Findings"), "findings", Right.READ_EVENTS),
            Place("notices:list", _("Notices"), "notices", Right.READ_NOTICES),
            Place("warning:list", _("Early warning"), "alarm", Right.READ_EVENTS, team=True),
            Place("warning:trends", _("Trends"), "trend", Right.READ_EVENTS, team=True),
            Place("portal:report", _("Report of the month"), "files", Right.READ_EVENTS),
            Place(
                "portal:connections", _("Data and connections"), "download", Right.KEEP_WEBHOOKS, member=True
            ),
        ),
    ),
    (
        _("What comes in"),
        (
            Place("events:files", _("Files"), "files", Right.READ_EVENTS, team=True),
            Place("collection:list", _("Sources"), "download", Right.READ_EVENTS, team=True),
            Place("events:feeds", _("Feeds"), "feeds", Right.READ_EVENTS, team=True),
            Place("events:rules", _("Rules"), "filter", Right.READ_EVENTS, team=True),
        ),
    ),
    (
        _("Registry"),
        (
            Place("registry:organisations", _("Organisations"), "registry", Right.READ_REGISTRY),
            Place("registry:contacts", _("Contacts"), "user", Right.READ_REGISTRY),
            Place("registry:networks", _("Networks"), "network", Right.READ_REGISTRY),
            Place("ownership:list", _("Owners of the past"), "clock", Right.READ_REGISTRY, team=True),
            Place("registry:certificates", _("Keys"), "key", Right.READ_REGISTRY),
            Place("registry:teams", _("Teams"), "lamp", Right.READ_REGISTRY),
            Place("portal:ours", _("Propose changes"), "edit", Right.PROPOSE_CHANGES, member=True),
            Place("portal:proposals", _("Proposed changes"), "edit", Right.READ_REGISTRY, team=True),
        ),
    ),
    (
        _("Administration"),
        (
            Place("people:list", _("People"), "people", Right.MANAGE_PEOPLE),
            Place("reference:list", _("Reference files"), "files", Right.MANAGE_NODE),
            Place("jobs:list", _("Background work"), "jobs", Right.MANAGE_NODE),
            Place("records:list", _("Audit records"), "records", Right.READ_RECORDS),
            Place("retention:home", _("Retention"), "clock", Right.READ_RECORDS, team=True),
        ),
    ),
)
"""The main navigation. A place whose URL name does not exist is left out."""

MINE: tuple[Place, ...] = (
    Place("people:me", _("My account"), "user"),
    Place("account_change_password", _("Password"), "lock"),
    Place("mfa_index", _("Second factor"), "key"),
    Place("usersessions_list", _("Sessions"), "clock"),
)
"""What is in the menu under one's own name."""


def node(request: HttpRequest) -> dict[str, Any]:
    """Template context: the node, the languages, the navigation and `may.READ_EVENTS` and so on."""
    places = SimpleLazyObject(lambda: _places(request))
    return {
        "node": settings.CONFIG.node,
        "node_state": SimpleLazyObject(_state),
        "version": __version__,
        "time_zone": SimpleLazyObject(lambda: zone_name(timezone.localtime())),
        "languages": SimpleLazyObject(_languages),
        "places": places,
        "my_places": SimpleLazyObject(lambda: _shown(MINE, request)),
        "ask_url": url_of("events:explorer") if has(_user(request), Right.READ_EVENTS) else "",
        "sign_out_url": url_of("account_logout"),
        **rights_context(request),
    }


def url_of(name: str) -> str:
    """The address of a URL name without arguments, or "" when there is none."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def _user(request: HttpRequest) -> Any:
    return getattr(request, "user", None)


def _state() -> str:
    code = settings.CONFIG.node.state
    return str(State.objects.filter(code=code).first() or "") if code else ""


def _languages() -> list[dict[str, Any]]:
    now = get_language()
    codes = [code for code, _name in settings.LANGUAGES]
    return [
        {
            "code": code,
            "short": code[:2].upper(),
            "name": get_language_info(code)["name_local"],
            "current": code == now,
        }
        for code in codes
    ]


def _places(request: HttpRequest) -> list[dict[str, Any]]:
    groups = [{"label": label, "places": _shown(places, request)} for label, places in NAV]
    every = [place for group in groups for place in group["places"]]
    mine = _shown(MINE, request)
    here = max((p["url"] for p in every + mine if _within(request.path, p["url"])), key=len, default="")
    for place in every:
        place["current"] = place["url"] == here
    return [group for group in groups if group["places"]]


def _within(path: str, url: str) -> bool:
    return path == url or (url != "/" and path.startswith(url))


def _shown(places: tuple[Place, ...], request: HttpRequest) -> list[dict[str, Any]]:
    user = _user(request)
    member = getattr(user, "role", "") == Role.MEMBER
    allowed = [p for p in places if _is_for(p, user, member)]
    found = [{"url": url_of(p.name), "label": p.label, "icon": p.icon} for p in allowed]
    return [place for place in found if place["url"]]


def _is_for(place: Place, user: Any, member: bool) -> bool:
    right = place.right is None or has(user, place.right)
    return right and not (place.team if member else place.member)
