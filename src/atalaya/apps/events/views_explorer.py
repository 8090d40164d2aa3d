"""The explorer's pages: ask the event history, and have the answer as rows, pictures and files."""

from __future__ import annotations

from typing import Any

import polars as pl
from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from atalaya.apps.events import asking_help, comparing, downloads, queries, stories, words
from atalaya.apps.events.asking import narrowed, term, understood, without
from atalaya.apps.events.explorer import Asked, asked, shown_form, span, wrong
from atalaya.apps.events.facets import Labels, facets
from atalaya.apps.events.pictures import histogram
from atalaya.apps.events.pivots import ROW_COLUMNS, Pivot, event_rows, story_of
from atalaya.apps.events.suggestions import suggestions
from atalaya.apps.people.rights import Right, asker, needs
from atalaya.core.errors import BadInput, TooLarge
from atalaya.core.store import EventTable, Question
from atalaya.core.store.ask import Problem, every
from atalaya.core.store.ask.fields import FIELDS

PER_PAGE = 50


@require_safe
@needs(Right.READ_EVENTS)
@vary_on_headers("HX-Target")
def explorer(request: HttpRequest) -> HttpResponseBase:
    """Ask the event history: a picture, what the answer is made of, the rows, and all as files."""
    found = asked(request.GET.dict(), asker(request))
    by_fields = "fields" in request.GET
    if request.headers.get("HX-Target", "").endswith("#by-fields"):
        return render(request, "events/by_fields.html", asked_context(found, by_fields=True))
    if found.line is None:
        return render(request, "events/explorer.html", _refused(found, by_fields=by_fields))
    if request.GET.get("format") in downloads.FORMATS:
        try:
            return downloads.download(request.GET["format"], found.question(), found.user)
        except TooLarge as error:
            messages.error(request, words.refusal(error))
            return redirect(found.pivot())
    return render(
        request,
        "events/explorer.html",
        {**asked_context(found, by_fields=by_fields), **_answer(request, found)},
    )


def asked_context(found: Asked, *, by_fields: bool = False) -> dict[str, Any]:
    """What a page says of the question itself: the line, and the form that shows it where it is open."""
    context: dict[str, Any] = {
        "line": found.text,
        "form": found.form,
        "fields": [f"{field.name}:" for field in FIELDS],
        "fields_open": by_fields or bool(found.form.errors),
        "fields_url": _fields_url(found),
        "keep_url": found.pivot.to(found.line.node, "events:keep") if found.line else "",
    }
    if context["fields_open"]:
        form, rest = shown_form(found)
        names = (name for name in (*form.MAIN, *form.MORE) if name in form.fields)
        context |= {"form": form, "rest": rest, "form_fields": [form[name] for name in names]}
    return context


def _fields_url(found: Asked) -> str:
    """The explorer with its form open, which most visits do without: its boxes weigh as much as the picture."""
    return (
        found.pivot.to(found.line.node, fields="1")
        if found.line
        else f"{reverse('events:explorer')}?fields=1"
    )


def _refused(found: Asked, *, by_fields: bool = False) -> dict[str, Any]:
    about = wrong(found.text, found.problem) if found.problem else None
    return {**asked_context(found, by_fields=by_fields), "wrong": about}


def _answer(request: HttpRequest, found: Asked) -> dict[str, Any]:
    table, pivot, question = queries.event_table(), found.pivot, found.question()
    total, page, rows = _page(table, found, request.GET.get("page", ""))
    period = span(question, pivot)
    if not total:
        return {
            "total": 0,
            "span": period,
            "nothing_yet": not queries.ingests_visible_to(found.user).exists(),
        }
    events = queries.for_reader(rows, queries.scope_of(found.user))
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
            (one.name, pivot.to(found.line.node, format=name)) for name, one in downloads.FORMATS.items()
        ],
        "compare_url": pivot.to(found.line.node, "events:compare"),
        "finding_url": _finding_url(found),
        "staff": queries.is_staff(found.user),
    }


def _finding_url(found: Asked) -> str:
    key = found.form.cleaned_data.get("finding")
    return reverse("events:finding", args=[key]) if key else ""


def _page(table: EventTable, found: Asked, wanted: str) -> tuple[int, Page[int], pl.DataFrame]:
    """How many events answer, the page of them that is asked for (the last one, if it lies beyond), and its rows."""
    number = int(wanted) if wanted.isdecimal() and len(wanted) < 9 else 1
    answer = table.query(_paged(found, number), ROW_COLUMNS)
    page = Paginator(range(answer.count), PER_PAGE).get_page(wanted)
    if page.number == number:
        return answer.count, page, answer.rows
    return answer.count, page, table.rows(_paged(found, page.number), ROW_COLUMNS)


def _paged(found: Asked, number: int) -> Question:
    return found.question(offset=(max(number, 1) - 1) * PER_PAGE, limit=PER_PAGE)


@require_safe
@needs(Right.READ_EVENTS)
def compare(request: HttpRequest) -> HttpResponse:
    """The question now against the period before it, or another one."""
    found = asked(request.GET.dict(), asker(request))
    if found.line is None:
        return render(
            request, "events/compare.html", {**_refused(found), "explorer_url": reverse("events:explorer")}
        )
    start, labels = request.GET.get("with", ""), Labels(found.user)
    links = [
        (label, found.pivot.to(narrowed(without(found.line.node, "until"), "since", day), "events:compare"))
        for label, day in comparing.widths(timezone.now())
    ]
    context = {**asked_context(found), "explorer_url": found.pivot(), "start": start, "widths": links}
    try:
        scoped = not queries.is_staff(found.user)
        context["found"] = comparing.comparison(
            queries.event_table(), found.question(), start, found.pivot, labels, scoped
        )
    except BadInput as error:
        context["problem"] = words.refusal(error)
    return render(request, "events/compare.html", context)


@require_safe
@needs(Right.READ_EVENTS)
def story(request: HttpRequest) -> HttpResponse:
    """Everything this node has seen of one address or domain, over all time."""
    of, user = request.GET.get("of", "").strip()[:253], asker(request)
    if not of:
        return render(request, "events/story.html", {"of": ""})
    node = story_of(of)
    try:
        line = understood(every([node, term("since", "ever")]), user)
    except Problem as problem:
        return render(request, "events/story.html", {"of": of, "problem": words.problem(problem)})
    context = {"of": of, "told": stories.told(user, line.params), "events_url": Pivot(line.node)()}
    return render(request, "events/story.html", context)


@require_safe
@needs(Right.READ_EVENTS)
def how(request: HttpRequest) -> HttpResponse:
    """How a question is written: examples, and every field."""
    context = {"examples": asking_help.examples(), "fields": asking_help.fields()}
    return render(request, "events/how.html", context)


@require_safe
@needs(Right.READ_EVENTS)
def suggest(request: HttpRequest) -> HttpResponse:
    """Options for the end of the line, as far as it is typed."""
    found = suggestions(asker(request), request.GET.get("q", "")[:2000])
    return render(request, "events/suggestions.html", {"suggestions": found})
