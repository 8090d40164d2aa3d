"""Pages about files: what came in, what was refused, how to add more, and the feeds that this node reads."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from atalaya.apps.events import actions, own_feeds, queries, raw, words
from atalaya.apps.events.forms import AgainForm, UploadForm, feed_choices
from atalaya.apps.events.listing import FILES
from atalaya.apps.events.models import Ingest
from atalaya.apps.events.rules.queries import hits_of
from atalaya.apps.events.staff import staff_only
from atalaya.apps.people.rights import Right, asker, needs
from atalaya.core.errors import BadInput
from atalaya.web import safe_csv
from atalaya.web.templatetags.ui import number, when

REJECTS_PER_PAGE = 50


def _ingest(request: HttpRequest, pk: UUID) -> Ingest:
    return get_object_or_404(queries.ingests_visible_to(asker(request)), pk=pk)


@require_safe
@needs(Right.READ_EVENTS)
def files(request: HttpRequest) -> HttpResponseBase:
    """The files that came in."""
    staff_only(request)
    user = asker(request)
    listing = FILES.offering(feed=feed_choices(own_feeds.states_of(user)))
    return listing.page(
        request, queries.ingests_visible_to(user), title=_("Files"), template="events/files.html"
    )


@require_safe
@needs(Right.READ_EVENTS)
def file(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One file: its counts, their sum, and its rejected rows."""
    ingest = _ingest(request, pk)
    page = Paginator(ingest.rejects.all(), REJECTS_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "file": ingest,
        "feed": own_feeds.of_any_state(ingest.feed),
        "facts": _facts(ingest),
        "page": page,
        "rejects": [(reject, words.reason(reject.reason)) for reject in page.object_list],
        "is_kept": raw.find(ingest.sha256) is not None,
        "events_url": f"{reverse('events:explorer')}?file={ingest.sha256}",
        "hits": hits_of(ingest),
        "again": AgainForm(initial={"feed": ingest.feed}, states=[ingest.state_id]),
    }
    return render(request, "events/file.html", context)


def _facts(ingest: Ingest) -> list[tuple[str, Any]]:
    return [
        (_("Received"), when(ingest.received_at)),
        (_("How it came"), ingest.get_channel_display()),
        (_("By"), ingest.received_by or _("the node itself")),
        (_("Bytes"), number(ingest.size)),
        ("SHA-256", ingest.sha256),
        (_("First event"), when(ingest.first_event_at)),
        (_("Last event"), when(ingest.last_event_at)),
        (_("Finished"), when(ingest.finished_at)),
    ]


@require_safe
@needs(Right.READ_EVENTS)
def original(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The file exactly as it came. Never shown by the browser: what is in it was written by others."""
    ingest = _ingest(request, pk)
    response = FileResponse(
        raw.original(ingest.sha256),
        as_attachment=True,
        filename=ingest.name,
        content_type="application/octet-stream",
    )
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_safe
@needs(Right.READ_EVENTS)
def rejects(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The rejected rows as CSV."""
    ingest = _ingest(request, pk)
    rows = ingest.rejects.values_list("row", "field", "reason", "count", "raw").iterator(chunk_size=2000)
    return safe_csv.response("rejects", ["row", "field", "reason", "rows", "raw"], rows)


@require_POST
@needs(Right.WRITE_EVENTS)
def rejects_seen(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Note that somebody has looked at what was refused."""
    actions.mark_rejects_seen(_ingest(request, pk), by=asker(request))
    return redirect("events:file", pk)


@require_POST
@needs(Right.WRITE_EVENTS)
def try_again(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Process a failed file once more, with the feed that was chosen."""
    ingest = _ingest(request, pk)
    form = AgainForm(request.POST, states=[ingest.state_id])
    if form.is_valid():
        actions.try_again(ingest, by=asker(request), feed=form.cleaned_data["feed"])
        messages.success(request, _("The file is being processed again."))
    return redirect("events:file", pk)


@needs(Right.WRITE_EVENTS)
def upload(request: HttpRequest) -> HttpResponse:
    """Add files: each is received by itself, and one that is refused does not hold up the others."""
    staff_only(request)
    states = [queries.state_of(asker(request))]
    form = UploadForm(request.POST or None, request.FILES or None, states=states)
    results = []
    if request.method == "POST" and form.is_valid():
        results = [
            _receive(request, one, form.cleaned_data["feed"]) for one in form.cleaned_data["documents"]
        ]
        if len(results) == 1 and "file" in results[0]:
            if not results[0]["created"]:
                messages.info(request, _("This file came before: nothing was added."))
            return redirect("events:file", results[0]["file"].pk)
        form = UploadForm(states=states)
    return render(request, "events/upload.html", {"form": form, "results": results})


def _receive(request: HttpRequest, upload: Any, feed: str) -> dict[str, Any]:
    user = asker(request)
    state, channel = queries.state_of(user), Ingest.Channel.UPLOAD
    try:
        ingest, created = actions.receive(
            upload, by=user, state=state, name=upload.name, channel=channel, feed=feed
        )
    except BadInput as error:
        return {"name": upload.name, "problem": str(error)}
    return {"name": upload.name, "file": ingest, "created": created}
