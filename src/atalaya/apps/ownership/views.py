"""Pages about history and its owners."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from atalaya.apps.events.staff import staff_only
from atalaya.apps.ownership import actions, queries
from atalaya.apps.ownership.listing import ATTRIBUTIONS
from atalaya.apps.people.rights import Right, asker, has, needs
from atalaya.core.errors import AtalayaError


@require_safe
@needs(Right.READ_REGISTRY)
def attributions(request: HttpRequest) -> HttpResponseBase:
    """What changed networks would change, or have changed, in the past."""
    staff_only(request)
    return ATTRIBUTIONS.page(request, queries.visible_to(asker(request)), title=_("Owners of the past"))


@require_safe
@needs(Right.READ_REGISTRY)
def attribution(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One of them: from whom to whom, and the buttons to do it or to leave it."""
    found = get_object_or_404(queries.visible_to(asker(request)), pk=pk)
    context = {
        "attribution": found,
        "moves": queries.moves(found),
        "may_decide": found.status == found.Status.PLANNED and has(asker(request), Right.WRITE_REGISTRY),
    }
    return render(request, "ownership/attribution.html", context)


@require_POST
@needs(Right.WRITE_REGISTRY)
def accept(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let it be done."""
    return _decided(
        request, pk, actions.accept, _("The past gets its owners now. This page says when it is done.")
    )


@require_POST
@needs(Right.WRITE_REGISTRY)
def leave(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Leave the past as it is."""
    return _decided(request, pk, actions.leave, _("The past stays as it is."))


def _decided(request: HttpRequest, pk: UUID, decide: Callable[..., None], done: str) -> HttpResponse:
    found = get_object_or_404(queries.visible_to(asker(request)), pk=pk)
    try:
        decide(found, by=asker(request))
    except AtalayaError as error:
        messages.error(request, f"{error} {error.advice}".strip())
    else:
        messages.success(request, done)
    return redirect("ownership:attribution", pk=pk)
