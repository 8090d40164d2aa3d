"""Pages about early warning: the alarms, one alarm, what is muted, and the trends."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from atalaya.apps.people.models import User
from atalaya.apps.people.rights import Right, asker, has, needs
from atalaya.apps.warning import actions, pictures, pivots, queries, trends, words
from atalaya.apps.warning.forms import JudgeForm, MuteForm
from atalaya.apps.warning.listing import ALARMS, TONES
from atalaya.apps.warning.models import Alarm, Dimension, Kind, Mute
from atalaya.web.templatetags import ui


def _team(request: HttpRequest) -> User:
    """The asker, who works in a team: trends and alarms speak of a whole state."""
    user = asker(request)
    if not queries.states_of(user):
        raise PermissionDenied
    return user


@require_safe
@needs(Right.READ_EVENTS)
def alarms(request: HttpRequest) -> HttpResponseBase:
    """Everything that was not as usual, the latest first; without a filter, what is not muted."""
    user = _team(request)
    found = queries.visible_to(user)
    if request.GET.get("status") != "muted":
        found = found.filter(queries.unmuted())
    context = {
        "measured": queries.measured(user),
        "look": queries.looked_at(user),
        "mutes": queries.mutes_visible_to(user).count(),
        "days": queries.MEASURED.days,
    }
    return ALARMS.page(
        request, found, title=_("Early warning"), template="warning/list.html", context=context
    )


@require_safe
@needs(Right.READ_EVENTS)
def alarm(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One alarm: its picture, its reason, what it is made of, and what people say of it."""
    user = _team(request)
    found = _alarm(user, pk)
    names = words.names_of(words.organisations_in(found))
    value = words.subject_name(found)
    context = {
        "alarm": found,
        "what": words.what(found.kind, found.dimension),
        "value": value,
        "of": words.dimension_name(found.dimension),
        "tone": TONES[Kind(found.kind)],
        "muted": found.muted_until is not None and found.muted_until >= timezone.localdate(),
        "reason": words.reason(found),
        "picture": pictures.of_alarm(found, value),
        "events_url": pivots.alarm_url(found),
        "organisation_url": _organisation_url(found),
        "parts": list(_parts(found, names)),
        "facts": _facts(found),
        **_decisions(user, found, value),
    }
    return render(request, "warning/alarm.html", context)


def _alarm(user: User, pk: UUID) -> Alarm:
    return get_object_or_404(queries.visible_to(user), pk=pk)


def _organisation_url(found: Alarm) -> str:
    return reverse("registry:organisation", args=[found.organisation_id]) if found.organisation_id else ""


def _parts(found: Alarm, names: dict[str, str]) -> Any:
    """What it is made of, dimension by dimension: each value with its count and where it leads."""
    for dimension, rows in found.facts.get("parts", {}).items():
        yield words.dimension_name(dimension), [
            (
                words.value_name(dimension, value, names),
                count,
                pivots.events_url(dimension, value, found.first_day, found.last_day) if dimension != Dimension.PORT else "",
            )
            for value, count in rows
        ]  # fmt: skip


def _facts(found: Alarm) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        (_("First day"), ui.when(found.first_day)),
        (_("Last day"), ui.when(found.last_day)),
        (_("Raised"), ui.when(found.raised_at)),
        (_("State"), found.state),
    ]
    if found.seen_at:
        facts.append((_("Looked at"), ui.when(found.seen_at)))
        facts.append((_("By"), found.seen_by or "–"))
    return facts


def _decisions(user: User, found: Alarm, value: str) -> dict[str, Any]:
    if not has(user, Right.WRITE_EVENTS):
        return {}
    given = {"word": found.word, "note": found.note} if found.word else None
    return {"judge": JudgeForm(given), "mute": _mute_form(found, value)}


def _mute_form(found: Alarm, value: str, data: Any = None) -> MuteForm:
    subject = _("everything about %(value)s") % {"value": value}
    kind = _("every alarm of this kind: %(kind)s") % {"kind": words.what(found.kind, found.dimension)}
    if found.kind != Kind.NEW:
        kind = f"{kind} ({words.dimension_name(found.dimension)})"
    return MuteForm(data, subject=subject, kind=kind)


@require_POST
@needs(Right.WRITE_EVENTS)
def seen(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Somebody looked at it."""
    user = _team(request)
    actions.see(_alarm(user, pk), by=user)
    messages.success(request, _("The desk does not ask for it again."))
    return redirect("warning:alarm", pk)


@require_POST
@needs(Right.WRITE_EVENTS)
def judge(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Useful, or noise."""
    user = _team(request)
    found, form = _alarm(user, pk), JudgeForm(request.POST)
    if form.is_valid():
        actions.judge(found, by=user, **form.cleaned_data)
        messages.success(request, _("Thank you: this is how the rate of false alarms is measured."))
    else:
        messages.error(request, _("Say whether it was useful or noise."))
    return redirect("warning:alarm", pk)


@require_POST
@needs(Right.WRITE_EVENTS)
def mute(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Hear nothing more of it for a while."""
    user = _team(request)
    found = _alarm(user, pk)
    form = _mute_form(found, "", request.POST)
    if form.is_valid():
        asked = form.cleaned_data
        made = actions.mute(
            found, by=user, days=asked["days"], whole=asked["scope"] == "kind", reason=asked["reason"]
        )
        messages.success(request, _("Muted until %(day)s.") % {"day": made.until})
    else:
        messages.error(request, _("Say what to mute, for how long, and why."))
    return redirect("warning:alarm", pk)  # fmt: skip


@require_safe
@needs(Right.READ_EVENTS)
def mutes(request: HttpRequest) -> HttpResponse:
    """What is muted now, by whom, and why."""
    user = _team(request)
    found = list(queries.mutes_visible_to(user))
    names = words.names_of(one.subject for one in found if one.dimension == Dimension.ORGANISATION)
    rows = [(one, _muted_words(one, names)) for one in found]
    return render(request, "warning/mutes.html", {"rows": rows, "may_end": has(user, Right.WRITE_EVENTS)})


def _muted_words(one: Mute, names: dict[str, str]) -> str:
    if one.subject:
        return (
            f"{words.value_name(one.dimension, one.subject, names)} ({words.dimension_name(one.dimension)})"
        )
    return f"{words.what(one.kind, one.dimension)} ({words.dimension_name(one.dimension)})"


@require_POST
@needs(Right.WRITE_EVENTS)
def unmute(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Listen again at once."""
    user = _team(request)
    actions.unmute(get_object_or_404(queries.mutes_visible_to(user), pk=pk), by=user)
    messages.success(request, _("It is heard again."))
    return redirect("warning:mutes")


@require_safe
@needs(Right.READ_EVENTS)
def trends_page(request: HttpRequest) -> HttpResponse:
    """Every value of one dimension against its usual, many small pictures beside each other."""
    user = _team(request)
    by = request.GET.get("by", "")
    shown = trends.shown(queries.states_of(user), by if by in trends.BY else trends.BY[0], timezone.now())
    context = {
        "shown": shown,
        "tabs": [ui.Tab(str(words.BY_NAMES[name]), f"?by={name}", name == shown.by) for name in trends.BY],
    }
    return render(request, "warning/trends.html", context)
