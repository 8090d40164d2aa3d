"""Pages of sources."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from atalaya.apps.collection import actions, gathering, queries
from atalaya.apps.collection.forms import SourceForm, offered
from atalaya.apps.collection.listing import NOTHING, RUNS, rows_cell, sources
from atalaya.apps.collection.models import Source
from atalaya.apps.collection.words import told
from atalaya.apps.events.queries import state_of
from atalaya.apps.events.staff import staff_only
from atalaya.apps.people.rights import Right, asker, needs
from atalaya.core.errors import AtalayaError
from atalaya.web.templatetags.ui import Tab, when


def _source(request: HttpRequest, pk: UUID) -> Source:
    return get_object_or_404(queries.sources_visible_to(asker(request)), pk=pk)


@require_safe
@needs(Right.READ_EVENTS)
def source_list(request: HttpRequest) -> HttpResponseBase:
    """All sources with their health."""
    staff_only(request)
    rows = queries.sources_visible_to(asker(request))
    usual = queries.usual_of(rows.values_list("pk", flat=True))
    return sources(usual).page(request, rows, title=_("Sources"), template="collection/sources.html")


@require_safe
@needs(Right.READ_EVENTS)
def source(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """One source: how it does, and its fetches."""
    row = _source(request, pk)
    usual = queries.usual_of([row.pk]).get(row.pk, NOTHING)
    failed = row.runs.filter(result="failed").first() if row.failures else None
    context = {
        "source": row,
        "usual": usual,
        "rows_cell": rows_cell(usual, row.name),
        "facts": _facts(row),
        "problem": told(failed.message) if failed else "",
        "files_url": f"{reverse('events:files')}?{urlencode({'feed': row.feed})}" if row.feed else "",
    }
    return RUNS.page(
        request, row.runs.all(), title=row.name, template="collection/source.html", context=context
    )


def _facts(row: Source) -> list[tuple[str, Any]]:
    secret = _("kept, encrypted") if row.sealed else ""
    facts = [
        (_("Address"), row.address),
        (_("Feed"), row.feed or _("Find out")),
        (_("Credentials"), ", ".join(filter(None, [row.get_auth_display(), row.login, secret]))),
        (_("Last good fetch"), when(row.last_good_at)),
        (_("Last new file"), when(row.last_new_at)),
        (_("Next fetch"), when(row.next_run_at) if row.enabled else ""),
        (_("Silence is an alarm after"), _("%(hours)s hours") % {"hours": row.silent_hours}),
    ]
    return [(name, value) for name, value in facts if value]


@needs(Right.WRITE_EVENTS)
def add(request: HttpRequest) -> HttpResponseBase:
    """Add a source: of the kind and the feed that the address names."""
    staff_only(request)
    kind, feed = request.GET.get("kind", Source.Kind.HTTP), request.GET.get("feed", "")
    if kind not in Source.Kind.values:
        raise Http404
    row = offered(kind, feed, state_of(asker(request)))
    tabs = [
        Tab(capfirst(str(label)), f"?{urlencode({'kind': value, 'feed': feed})}", current=value == kind)
        for value, label in Source.Kind.choices
    ]
    return _edited(request, row, _("Add a source"), reverse("collection:list"), tabs)


@needs(Right.WRITE_EVENTS)
def edit(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Change a source. Its secret is never shown."""
    row = _source(request, pk)
    return _edited(request, row, row.name, reverse("collection:source", args=[pk]), [])


def _edited(request: HttpRequest, row: Source, title: str, back: str, tabs: list[Tab]) -> HttpResponseBase:
    form = SourceForm(request.POST or None, source=row)
    if request.method == "POST" and form.is_valid():
        secret = form.write()
        try:
            actions.save_source(row, by=asker(request), secret=secret)
        except AtalayaError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The changes are kept."))
            return redirect("collection:source", row.pk)
    context = {"form": form, "title": title, "back": back, "tabs": tabs}
    return render(request, "collection/form.html", context)


@require_POST
@needs(Right.WRITE_EVENTS)
def remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Remove a source; its files stay."""
    actions.remove_source(_source(request, pk), by=asker(request))
    messages.success(request, _("It is removed."))
    return redirect("collection:list")


@require_POST
@needs(Right.WRITE_EVENTS)
def pause(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Pause a source, or let it go on."""
    row = _source(request, pk)
    actions.set_enabled(row, by=asker(request), enabled=not row.enabled)
    return redirect("collection:source", pk)


@require_POST
@needs(Right.WRITE_EVENTS)
def now(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Fetch in the background at once."""
    actions.ask_now(_source(request, pk), by=asker(request))
    messages.success(request, _("It is being fetched. Load the page again to see what came."))
    return redirect("collection:source", pk)


@require_POST
@needs(Right.WRITE_EVENTS)
def test(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask the source for a sign of life, without taking anything."""
    row = _source(request, pk)
    try:
        answer = gathering.probe(row, gathering.line(timeout=gathering.PROBE_SECONDS))
    except AtalayaError as error:
        messages.error(request, told(str(error)))
    else:
        messages.success(request, _("It answers: %(answer)s") % {"answer": answer or _("yes")})
    return redirect("collection:source", pk)
