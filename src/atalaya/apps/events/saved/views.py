"""Questions that people keep, and their alarms."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from atalaya.apps.events import asking, queries
from atalaya.apps.events.models import QuestionHit, SavedQuestion
from atalaya.apps.events.pivots import Pivot
from atalaya.apps.events.saved import actions
from atalaya.apps.events.saved.forms import MuteForm, QuestionForm
from atalaya.apps.people.models import User
from atalaya.apps.people.rights import Right, asker, has, needs
from atalaya.core.store.ask import Problem, parse

SHOWN = 50
"""Files with hits shown of one question, and kept questions shown."""


@require_safe
@needs(Right.READ_EVENTS)
def saved(request: HttpRequest) -> HttpResponse:
    """The questions that one keeps, and those that the team shares."""
    user = asker(request)
    found = queries.with_unseen(queries.questions_visible_to(user)).order_by("name", "pk")
    rows = [{"one": one, "url": _url(one.line), "mine": one.user_id == user.pk} for one in found[:500]]
    return render(request, "events/saved.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Right.WRITE_EVENTS)
def keep(request: HttpRequest) -> HttpResponse:
    """Keep the question that stands in `line`."""
    user = asker(request)
    first = {"line": request.GET.get("q", ""), "quiet_hours": 24}
    form = QuestionForm(request.POST if request.method == "POST" else None, user=user, initial=first)
    if request.method == "POST" and form.is_valid():
        kept = actions.keep(by=user, state=queries.state_of(user), **form.cleaned_data)
        messages.success(request, _("The question is kept."))
        return redirect("events:question", kept.pk)
    return render(request, "events/keep.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Right.READ_EVENTS)
def question(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One kept question, the files that answered it, and what may be changed."""
    user = asker(request)
    found = get_object_or_404(queries.with_unseen(queries.questions_visible_to(user)), pk=pk)
    may_change = _may_change(user, found)
    names = ("name", "line", "note", "shared", "alarm", "quiet_hours")
    given = request.POST if request.method == "POST" and may_change else None
    form = QuestionForm(given, user=user, initial={name: getattr(found, name) for name in names})
    if given is not None and form.is_valid():
        actions.change(found, by=user, **form.cleaned_data)
        messages.success(request, _("The question is changed."))
        return redirect("events:question", found.pk)
    context = {
        "found": found,
        "form": form,
        "mute_form": MuteForm(),
        "may_change": may_change,
        "url": _url(found.line),
        "compare_url": _url(found.line, "events:compare"),
        "muted": bool(found.muted_until and found.muted_until > timezone.now()),
        "hits": [_hit(hit, found) for hit in found.hits.select_related("ingest")[:SHOWN]],
    }
    return render(request, "events/question.html", context)


def _hit(hit: QuestionHit, found: SavedQuestion) -> dict[str, Any]:
    url = ""
    # A line written when the language was another one leads nowhere: the count is still true.
    with suppress(Problem):
        url = Pivot(parse(found.line))(file=hit.ingest.sha256)
    return {"hit": hit, "url": url, "fresh": found.seen_at is None or hit.found_at > found.seen_at}


def _may_change(user: User, found: SavedQuestion) -> bool:
    return has(user, Right.WRITE_EVENTS) and (found.shared or found.user_id == user.pk)


def _url(line: str, name: str = "events:explorer") -> str:
    try:
        return Pivot().to(parse(line), name)
    except Problem:
        return Pivot().to(asking.EVERYTHING, name)


def _changeable(request: HttpRequest, pk: UUID) -> SavedQuestion:
    return get_object_or_404(queries.questions_visible_to(asker(request)), pk=pk)


@require_POST
@needs(Right.WRITE_EVENTS)
def seen(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Say that the hits up to now need no more attention."""
    found = _changeable(request, pk)
    actions.change(found, by=asker(request), seen_at=timezone.now())
    return redirect("events:question", found.pk)


@require_POST
@needs(Right.WRITE_EVENTS)
def mute(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Keep the alarm quiet for some days; none at all ends the quiet."""
    found, form = _changeable(request, pk), MuteForm(request.POST)
    if form.is_valid():
        days = form.cleaned_data["days"]
        until = timezone.now() + timedelta(days=days) if days else None
        actions.change(found, by=asker(request), muted_until=until)
    return redirect("events:question", found.pk)


@require_POST
@needs(Right.WRITE_EVENTS)
def remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Forget a kept question."""
    actions.remove(_changeable(request, pk), by=asker(request))
    messages.success(request, _("The question is forgotten."))
    return redirect("events:saved")
