"""Pages of the rules table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from atalaya.apps.events import asking, words
from atalaya.apps.events.classes import class_name
from atalaya.apps.events.models import Rule
from atalaya.apps.events.pivots import Pivot, event_rows
from atalaya.apps.events.queries import state_of
from atalaya.apps.events.rules import actions, examples, exchange, queries, trying
from atalaya.apps.events.rules.forms import RuleForm, TableForm
from atalaya.apps.events.rules.shown import deeds
from atalaya.apps.events.staff import staff_only
from atalaya.apps.people.rights import Right, asker, has, needs
from atalaya.core.errors import AtalayaError, BadInput
from atalaya.core.store.ask import every

FILES = 20
"""Files with hits shown of one rule."""


def _rule(request: HttpRequest, pk: UUID) -> Rule:
    staff_only(request)
    return get_object_or_404(queries.visible_to(asker(request)), pk=pk)


@require_safe
@needs(Right.READ_EVENTS)
def rules(request: HttpRequest) -> HttpResponse:
    """The table in its order, with what each rule did lately; with `?broken=yes` only rules that should work and do not."""
    staff_only(request)
    found = list(queries.with_hits(queries.in_table(asker(request))))
    broken = queries.broken(found)
    rows = [{"place": place, **_row(rule, broken.get(rule.pk))} for place, rule in enumerate(found, 1)]
    only = request.GET.get("broken") == "yes"
    if only:
        wanted = {rule.pk for rule in queries.not_working(found)}
        rows = [row for row in rows if row["rule"].pk in wanted]
    context = {
        "rows": rows, "only": only, "last": len(found), "days": queries.HIT_DAYS,
        "may_change": has(asker(request), Right.WRITE_FEEDS),
    }  # fmt: skip
    return render(request, "events/rules.html", context)


def _row(rule: Any, broken: Any) -> dict[str, Any]:
    return {
        "rule": rule,
        "deeds": deeds(rule),
        "broken": words.problem(broken) if broken else "",
        "over": queries.is_over(rule),
        "url": _events_url(rule) if rule.recent and rule.what != Rule.What.DROP else "",
    }


def _events_url(rule: Rule) -> str:
    return Pivot(every([asking.term("rule", rule.code), asking.term("since", f"{queries.HIT_DAYS}d")]))()


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Right.WRITE_FEEDS)
def new_rule(request: HttpRequest) -> HttpResponse:
    """Write a rule, try it, and put it at the end of the table."""
    staff_only(request)
    return _edit(request, Rule(state_id=state_of(asker(request)), line=request.GET.get("q", "")[:2000]))


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Right.READ_EVENTS)
def rule(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One rule: what it says, what it did, and the form to change it."""
    found = _rule(request, pk)
    may_change = has(asker(request), Right.WRITE_FEEDS) and found.removed_at is None
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    told = queries.with_hits(queries.visible_to(asker(request))).get(pk=pk)
    context = {
        **_row(told, queries.broken([found]).get(found.pk)),
        "told": told,
        "hits": found.hits.select_related("ingest").order_by("-ingest__received_at")[:FILES],
        "fits": examples.lines(found.fits),
        "spares": examples.lines(found.spares),
    }
    if may_change:
        return _edit(request, found, context)
    return render(request, "events/rule.html", context)


def _edit(request: HttpRequest, edited: Rule, context: dict[str, Any] | None = None) -> HttpResponse:
    """The form of a rule. `step` says whether it is tried, gets an event as a test, or is saved."""
    step = request.POST.get("step", "")
    data = request.POST.copy() if request.method == "POST" else None
    if data is not None and (line := data.get("example")):
        data["fits"] = "\n".join([*examples.lines(data.get("fits", "")), line])
    form = RuleForm(data, instance=edited)
    shown: dict[str, Any] = {"form": form, "new": edited._state.adding, **(context or {})}
    if data is not None and form.is_valid():
        try:
            if step == "save":
                return _saved(request, edited)
            shown["tried"] = _tried(edited, form.cleaned_data["days"] or trying.DAYS)
        except AtalayaError as error:
            form.add_error(None, str(error))
    return render(request, "events/rule.html", shown)


def _saved(request: HttpRequest, edited: Rule) -> HttpResponse:
    actions.save_rule(edited, by=asker(request))
    messages.success(request, _("The rule is saved. It decides on what comes in from now on."))
    return redirect("events:rules")


def _tried(edited: Rule, days: int) -> dict[str, Any]:
    found = trying.tried(edited, days)
    lines = zip(event_rows(found.found.rows, Pivot()), found.examples, strict=True)
    return {
        "days": found.days,
        "found": found.found,
        "owners": found.owners,
        "rows": [{"row": row, "line": line, "after": _after(after)} for row, (_event, line, after) in lines],
    }


def _after(after: dict[str, Any]) -> list[str]:
    names: dict[str, Callable[[str], str]] = {
        "classification_type": class_name, "classification_identifier": str, "severity": _
    }  # fmt: skip
    return [said(after[name]) for name, said in names.items() if name in after]


@require_POST
@needs(Right.WRITE_FEEDS)
def move(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One place up or down."""
    actions.move(_rule(request, pk), by=asker(request), up=request.POST.get("way") == "up")
    return redirect("events:rules")


@require_POST
@needs(Right.WRITE_FEEDS)
def switch(request: HttpRequest, pk: UUID) -> HttpResponse:
    """On or off."""
    try:
        actions.switch(_rule(request, pk), by=asker(request), on=request.POST.get("on") == "1")
    except BadInput as error:
        messages.error(request, str(error))
    return redirect("events:rules")


@require_POST
@needs(Right.WRITE_FEEDS)
def remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take it out of the table."""
    actions.remove_rule(_rule(request, pk), by=asker(request))
    messages.success(request, _("The rule is removed."))
    return redirect("events:rules")


@require_safe
@needs(Right.READ_EVENTS)
def table(request: HttpRequest) -> HttpResponse:
    """The whole table as a TOML file."""
    staff_only(request)
    found = queries.in_table(asker(request)).filter(state=state_of(asker(request)))
    response = HttpResponse(exchange.written(found), content_type="application/toml; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="rules.toml"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Right.WRITE_FEEDS)
def bring(request: HttpRequest) -> HttpResponse:
    """Take a TOML file as the whole table."""
    staff_only(request)
    user, state = asker(request), state_of(asker(request))
    form = TableForm(request.POST or None, request.FILES or None)
    problems: list[str] = []
    if request.method == "POST" and form.is_valid():
        try:
            made = exchange.read(_text(form.cleaned_data["file"]), state)
            problems = exchange.problems_of(made)
            if not problems:
                counts = actions.replace_table(made, by=user, state=state)
                said = _("The table is replaced: %(added)d added, %(changed)d changed, %(removed)d removed.")
                messages.success(request, said % counts)
                return redirect("events:rules")
        except BadInput as error:
            problems = [str(error)]
    return render(request, "events/rules_import.html", {"form": form, "problems": problems})


def _text(file: Any) -> str:
    try:
        return str(file.read(exchange.MOST_BYTES + 1).decode())
    except UnicodeDecodeError as error:
        raise BadInput(_("The file is not UTF-8 text.")) from error
