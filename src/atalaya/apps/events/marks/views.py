"""Pages on which owners say something about findings, and the team answers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from atalaya.apps.events.marks import actions, queries
from atalaya.apps.events.marks.forms import AnswerForm, MarkForm
from atalaya.apps.events.models import Finding
from atalaya.apps.events.queries import findings_visible_to
from atalaya.apps.people.rights import Right, asker, needs
from atalaya.core.errors import AtalayaError, BadInput

SHOWN = 20


@needs(Right.MARK_FINDINGS)
def mark(request: HttpRequest) -> HttpResponse:
    """Say of the chosen findings (`?finding=KEY&finding=KEY`) that they are solved, wrong or accepted."""
    asked = request.POST if request.method == "POST" else request.GET
    found = _chosen(request, asked.getlist("finding"))
    back = _back(request, asked.get("back", ""), found)
    form = MarkForm(request.POST or None, initial={"kind": asked.get("kind") or None})
    if request.method == "POST" and form.is_valid() and found:
        try:
            marks = actions.mark([one.pk for one in found], by=asker(request), **form.cleaned_data)
        except AtalayaError as error:
            form.add_error(None, str(error))
        else:
            said = ngettext("%(count)d finding is marked.", "%(count)d findings are marked.", len(marks))
            messages.success(request, said % {"count": len(marks)})
            return redirect(back)
    context = {"form": form, "findings": found[:SHOWN], "chosen": found, "back": back}
    return render(request, "events/mark.html", {**context, "more": len(found) - SHOWN})


def _chosen(request: HttpRequest, keys: list[str]) -> list[Finding]:
    """The findings with these keys. 404 unless all of them are visible."""
    try:
        wanted = set(queries.keys_of(keys[: actions.MOST + 1]))
    except BadInput as error:
        raise Http404 from error
    if len(wanted) > actions.MOST:
        raise Http404
    found = list(
        findings_visible_to(asker(request)).filter(pk__in=wanted).order_by("-severity", "first_seen")
    )
    if len(found) != len(wanted):
        raise Http404
    return found


def _back(request: HttpRequest, wanted: str, found: list[Finding]) -> str:
    """Where to go afterwards: where the person came from, if that is a page of this node."""
    # Beginning with a slash, so that no word is taken for the name of a page.
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(
        wanted, {request.get_host()}, request.is_secure()
    ):
        return wanted
    if len(found) == 1:
        return reverse("events:finding", args=[found[0].pk])
    return reverse("events:findings")


@require_POST
@needs(Right.WRITE_EVENTS)
def answer(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The team agrees with an owner's word, or does not."""
    given = get_object_or_404(queries.visible_to(asker(request)), pk=pk)
    form = AnswerForm(request.POST)
    if form.is_valid():
        _try(request, lambda: actions.answer(given, by=asker(request), **form.cleaned_data), _("Answered."))
    else:
        messages.error(request, _("Say whether you agree."))
    return redirect("events:finding", key=given.finding_id)


@require_POST
@needs(Right.MARK_FINDINGS)
def take_back(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a word back: the finding is again what it was before."""
    given = get_object_or_404(queries.visible_to(asker(request)), pk=pk)
    _try(request, lambda: actions.take_back(given, by=asker(request)), _("Taken back."))
    return redirect("events:finding", key=given.finding_id)


def _try(request: HttpRequest, act: Any, done: str) -> None:
    try:
        act()
    except AtalayaError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done)
