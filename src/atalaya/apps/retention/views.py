"""Pages about retention: the rules, what is held back, and what each run did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from atalaya.apps.events.classes import class_name
from atalaya.apps.events.queries import state_of
from atalaya.apps.events.staff import staff_only
from atalaya.apps.people.rights import Right, asker, has, needs
from atalaya.apps.retention import actions, queries, statement
from atalaya.apps.retention.forms import HoldForm, RuleForm
from atalaya.apps.retention.listing import RUNS
from atalaya.apps.retention.models import Hold, Rule, Run
from atalaya.core.errors import AtalayaError

SHOWN = 200
"""Rows of a run's table; the statement has all."""


@require_safe
@needs(Right.READ_RECORDS)
def home(request: HttpRequest) -> HttpResponseBase:
    """The rules of the asker's state, whether they are carried out, what is held back, and the runs."""
    user = staff_only(request)
    state = state_of(user)
    context = {
        "policy": queries.policy_of(state),
        "look": queries.last_look(state),
        "rules": [(rule, _kind(rule)) for rule in queries.rules_visible_to(user).filter(state=state)],
        "holds": queries.holds_visible_to(user).filter(state=state),
        "may_change": has(user, Right.MANAGE_NODE),
    }
    runs = queries.visible_to(user).filter(state=state)
    return RUNS.page(request, runs, title=_("Retention"), template="retention/home.html", context=context)


def _kind(rule: Rule) -> str:
    """What a rule is for, in words."""
    parts = [
        class_name(rule.type) if rule.type else rule.taxonomy,
        str(rule.get_tlp_display()) if rule.tlp else "",
        str(rule.get_owner_display()) if rule.owner else "",
    ]
    return capfirst(", ".join(part for part in parts if part) or _("everything else"))


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Right.MANAGE_NODE)
def add_rule(request: HttpRequest) -> HttpResponse:
    """A new rule."""
    return _rule(request, Rule(state_id=state_of(staff_only(request))), _("Add a rule"))


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Right.MANAGE_NODE)
def edit_rule(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change a rule."""
    rule = get_object_or_404(queries.rules_visible_to(staff_only(request)), pk=pk)
    return _rule(request, rule, _("Change the rule"))


def _rule(request: HttpRequest, rule: Rule, title: str) -> HttpResponse:
    form = RuleForm(request.POST or None, instance=rule)
    if request.method == "POST" and form.is_valid():
        actions.save_rule(form.instance, by=asker(request))
        messages.success(request, _("Saved. The rules are carried out again when they are applied."))
        return redirect("retention:home")
    return render(request, "retention/form.html", {"form": form, "title": title})


@require_POST
@needs(Right.MANAGE_NODE)
def remove_rule(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Remove a rule."""
    rule = get_object_or_404(queries.rules_visible_to(staff_only(request)), pk=pk)
    return _done(request, lambda: actions.remove_rule(rule, by=asker(request)), _("Removed."))


@require_POST
@needs(Right.MANAGE_NODE)
def suggest(request: HttpRequest) -> HttpResponse:
    """Begin with the suggested rules."""
    state = state_of(staff_only(request))
    return _done(
        request,
        lambda: actions.suggest(state, by=asker(request)),
        _("These are suggestions: change them as you need."),
    )


@require_POST
@needs(Right.MANAGE_NODE)
def look(request: HttpRequest) -> HttpResponse:
    """Ask what the rules would do."""
    run = actions.ask(state_of(staff_only(request)), by=asker(request))
    return redirect("retention:run", run.pk)


@require_POST
@needs(Right.MANAGE_NODE)
def apply(request: HttpRequest) -> HttpResponse:
    """Carry the rules out from now on."""
    state = state_of(staff_only(request))
    return _done(
        request,
        lambda: actions.apply(state, by=asker(request)),
        _("The rules are carried out every day from now on."),
    )


@require_POST
@needs(Right.MANAGE_NODE)
def pause(request: HttpRequest) -> HttpResponse:
    """Carry them out no more."""
    state = state_of(staff_only(request))
    return _done(request, lambda: actions.pause(state, by=asker(request)), _("Everything is kept for now."))


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Right.MANAGE_NODE)
def add_hold(request: HttpRequest) -> HttpResponse:
    """Hold something back."""
    state = state_of(staff_only(request))
    form = HoldForm(request.POST or None, instance=Hold(state_id=state), state=state)
    if request.method == "POST" and form.is_valid():
        actions.hold(form.instance, by=asker(request))
        messages.success(request, _("It is held back from now on."))
        return redirect("retention:home")
    return render(request, "retention/form.html", {"form": form, "title": _("Hold something back")})


@require_POST
@needs(Right.MANAGE_NODE)
def end_hold(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Hold it back no more."""
    held = get_object_or_404(queries.holds_visible_to(staff_only(request)), pk=pk)
    return _done(
        request, lambda: actions.end_hold(held, by=asker(request)), _("What is past its time goes with the next run.")
    )  # fmt: skip


def _done(request: HttpRequest, act: Callable[[], Any], told: str) -> HttpResponse:
    try:
        act()
    except AtalayaError as error:
        messages.error(request, f"{error} {error.advice}".strip())
    else:
        messages.success(request, told)
    return redirect("retention:home")


@require_safe
@needs(Right.READ_RECORDS)
def run(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One run: what it did, or would do."""
    found = _run(request, pk)
    events = found.told.get("events", [])
    rows = [
        (day, class_name(type_) if type_ else taxonomy, tlp, fate == "delete", count)
        for day, taxonomy, type_, tlp, fate, count in events[:SHOWN]
    ]
    copies = found.told.get("copies", {})
    context = {
        "run": found, "rows": rows, "left": max(0, len(events) - SHOWN), "copies": copies,
        "files": found.told.get("files", 0) if found.dry else len(found.told.get("files", {})),
    }  # fmt: skip
    return render(request, "retention/run.html", context)


@require_safe
@needs(Right.READ_RECORDS)
def proof(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The statement of a run that is done, byte for byte as its hash in the audit log was made of it."""
    found = _run(request, pk)
    if found.dry or found.status != Run.Status.DONE:
        raise Http404
    name = f"retention-{found.state_id}-{found.today}-{str(found.pk)[:8]}.json"
    return HttpResponse(
        statement.canonical(found.told),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _run(request: HttpRequest, pk: UUID) -> Run:
    return get_object_or_404(queries.visible_to(staff_only(request)), pk=pk)
