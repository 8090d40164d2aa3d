"""The explorer's pages: ask the event history, and have the answer as rows, pictures and files."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from atalaya.apps.events import downloads, queries
from atalaya.apps.events.explorer import Asked, asked, shown_form, span, wrong
from atalaya.apps.events.facets import Labels, facets
from atalaya.apps.events.pictures import histogram
from atalaya.apps.events.pivots import event_rows
from atalaya.apps.events.suggestions import suggestions
from atalaya.apps.people.rights import Right, asker, needs
from atalaya.core.store.ask.fields import FIELDS

PER_PAGE = 50


@require_safe
@needs(Right.READ_EVENTS)
def explorer(request: HttpRequest) -> HttpResponseBase:
    """Ask the event history: a picture, what the answer is made of, the rows, and all as files."""
    found = asked(request.GET.dict(), asker(request))
    if found.line is None:
        return render(request, "events/explorer.html", _refused(found))
    if request.GET.get("format") in downloads.FORMATS:
        return downloads.download(request.GET["format"], found.question(), found.user)
    return render(request, "events/explorer.html", {**asked_context(found), **_answer(request, found)})


def asked_context(found: Asked) -> dict[str, Any]:
    """What a page says of the question itself: the line, and the form that shows it."""
    form, rest = shown_form(found)
    main, more = ([form[name] for name in names if name in form.fields] for names in (form.MAIN, form.MORE))
    return {
        "line": found.text,
        "rest": rest,
        "form": form,
        "main_fields": main,
        "more_fields": more,
        "more_open": any(field.value() for field in more),
        "fields_open": bool(form.errors),
        "fields": [f"{field.name}:" for field in FIELDS],
        "pivot": found.pivot,
    }


def _refused(found: Asked) -> dict[str, Any]:
    about = wrong(found.text, found.problem) if found.problem else None
    return {**asked_context(found), "wrong": about}


def _answer(request: HttpRequest, found: Asked) -> dict[str, Any]:
    table, pivot, question = queries.event_table(), found.pivot, found.question()
    total = table.count(question)
    page = _page(total, request.GET.get("page"))
    period = span(question, pivot)
    if not total:
        return {
            "total": 0,
            "span": period,
            "nothing_yet": not queries.ingests_visible_to(found.user).exists(),
        }
    shown = found.question(offset=(page.number - 1) * PER_PAGE, limit=PER_PAGE)
    events = queries.for_reader(table.rows(shown), queries.scope_of(found.user))
    assert found.line is not None
    return {
        "total": total,
        "span": period,
        "rows": list(event_rows(events, pivot)),
        "page": page,
        "histogram": histogram(table, question, pivot),
        "facets": facets(table, question, pivot, Labels(found.user)),
        "brush_url": pivot(since="SINCE", until="UNTIL"),
        "downloads": [
            (label, pivot.to(found.line.node, format=name)) for name, label in downloads.FORMATS.items()
        ],
        "compare_url": pivot.to(found.line.node, "events:compare"),
        "finding_url": _finding_url(found),
        "staff": queries.is_staff(found.user),
    }


def _finding_url(found: Asked) -> str:
    key = found.form.cleaned_data.get("finding")
    return reverse("events:finding", args=[key]) if key else ""


def _page(total: int, wanted: str | None) -> Page[int]:
    return Paginator(range(total), PER_PAGE).get_page(wanted)


@require_safe
@needs(Right.READ_EVENTS)
def suggest(request: HttpRequest) -> HttpResponse:
    """Options for the end of the line, as far as it is typed."""
    found = suggestions(asker(request), request.GET.get("q", "")[:2000])
    return render(request, "events/suggestions.html", {"suggestions": found})
