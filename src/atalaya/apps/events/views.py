"""Pages about events and findings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import urlencode

import polars as pl
from django.core.paginator import Page, Paginator
from django.forms import Select
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from atalaya.apps.events import export, extras, own_feeds, queries, raw, reading
from atalaya.apps.events.classes import class_name
from atalaya.apps.events.details import fields_of
from atalaya.apps.events.forms import EventFilter, feed_choices
from atalaya.apps.events.listing import FINDINGS, organisation_url
from atalaya.apps.events.models import Finding, Ingest
from atalaya.apps.events.pictures import Histogram, histogram
from atalaya.apps.events.pivots import Pivot, event_rows, params_for
from atalaya.apps.people.models import User
from atalaya.apps.people.rights import Right, asker, needs
from atalaya.apps.registry.models import Contact, Organisation
from atalaya.apps.registry.queries import contacts_to_tell, contacts_visible_to, visible_to
from atalaya.core.errors import BadInput
from atalaya.core.store import Question
from atalaya.web.templatetags.ui import number, when

PER_PAGE = 50
FINDING_EVENTS = 20


@require_safe
@needs(Right.READ_EVENTS)
def explorer(request: HttpRequest) -> HttpResponseBase:
    """Ask the event history: a picture, the rows, and both as files."""
    if "q" in request.GET:
        return redirect(f"{reverse('events:explorer')}?{urlencode(params_for(request.GET['q']))}")
    user = asker(request)
    form = _filter_form(request.GET, user)
    if not form.is_valid():
        return render(request, "events/explorer.html", _form_context(form, request.GET))
    asked = form.question()
    if request.GET.get("format") in ("csv", "intelmq"):
        return _download(request.GET["format"], queries.question_for(user, asked), user)
    context = _answer(request, user, asked)
    return render(request, "events/explorer.html", {**_form_context(form, request.GET), **context})


def _filter_form(params: QueryDict, user: User) -> EventFilter:
    """The form with the time that is asked for when nobody says any. It offers a team the feeds that bring something."""
    asked = params.copy()
    if not any(asked.get(name) for name in ("since", "until", "file", "finding")):
        asked["since"] = EventFilter.usual_since().isoformat()
    form = EventFilter(asked, user=user, staff=queries.is_staff(user))
    if form.staff:
        used = {"", asked.get("feed", ""), *queries.files_by_feed(user)}
        offered = [("", _("All")), *(choice for choice in feed_choices(form.states) if choice[0] in used)]
        cast(Select, form.fields["feed"].widget).choices = offered
    return form


def _form_context(form: EventFilter, asked: QueryDict) -> dict[str, Any]:
    main, more = ([form[name] for name in names if name in form.fields] for names in (form.MAIN, form.MORE))
    return {
        "form": form,
        "main_fields": main,
        "more_fields": more,
        "more_open": any(field.value() for field in more),
        "filtered": bool(form.errors) or any(asked.get(name) for name in (*form.MAIN, *form.MORE)),
    }


def _answer(request: HttpRequest, user: User, asked: dict[str, Any]) -> dict[str, Any]:
    table, pivot = queries.event_table(), Pivot(request.GET)
    question = queries.question_for(user, asked)
    total = table.count(question)
    page = _page(total, request.GET.get("page"))
    if not total:
        return {"total": 0, "nothing_yet": not queries.ingests_visible_to(user).exists()}
    shown = queries.question_for(user, {**asked, "offset": (page.number - 1) * PER_PAGE, "limit": PER_PAGE})
    events = queries.for_reader(table.rows(shown), queries.scope_of(user))
    return {
        "total": total,
        "rows": list(event_rows(events, pivot)),
        "page": page,
        "histogram": histogram(table, question, pivot),
        "csv_url": pivot(format="csv"),
        "json_url": pivot(format="intelmq"),
        "finding_url": reverse("events:finding", args=[asked["finding"]]) if asked.get("finding") else "",
        "staff": queries.is_staff(user),
    }


def _page(total: int, wanted: str | None) -> Page[int]:
    return Paginator(range(total), PER_PAGE).get_page(wanted)


def _download(format: str, question: Question, user: User) -> StreamingHttpResponse:
    scope = queries.scope_of(user)
    batches = (queries.for_reader(events, scope) for events in queries.event_table().batches(question))
    written: Iterator[bytes]
    if format == "csv":
        written, kind, ending = export.as_csv(batches), "text/csv; charset=utf-8", "csv"
    else:
        written, kind, ending = export.as_intelmq(batches), "application/x-ndjson", "jsonl"
    response = StreamingHttpResponse(written, content_type=kind)
    response["Content-Disposition"] = (
        f'attachment; filename="events-{timezone.localdate():%Y-%m-%d}.{ending}"'
    )
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_safe
@needs(Right.READ_EVENTS)
def event(request: HttpRequest, raw_file: str, raw_row: int) -> HttpResponse:
    """One event: every field with its meaning, whose it is and why, whom to tell, and the row as it came."""
    user = asker(request)
    found = queries.one_event(user, raw_file, raw_row)
    if found is None:
        raise Http404
    finding = (
        queries.findings_visible_to(user).filter(pk=found["finding"]).first() if found["finding"] else None
    )
    file = queries.ingests_visible_to(user).filter(sha256=raw_file, state=found["state"]).first()
    context = {
        "event": found,
        "title": _title(found),
        "groups": fields_of(found),
        "extra": _extra(found),
        "finding": finding,
        "extras": extras.about(user, finding) if finding else [],
        "file": file,
        "original": _original(found),
        **_owners(user, found),
    }
    return render(request, "events/event.html", context)


def _title(found: dict[str, Any]) -> str:
    where = found["source_ip"] or found["source_fqdn"] or found["source_url"] or found["source_account"] or ""
    what = found["classification_identifier"] or class_name(found["classification_type"] or "")
    return f"{where}: {what}" if where else str(what)


def _extra(found: dict[str, Any]) -> list[tuple[str, str]]:
    values = json.loads(found["extra"]) if found["extra"] else {}
    return [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in sorted(values.items())
    ]


def _owners(user: User, found: dict[str, Any]) -> dict[str, Any]:
    """The owner, who else claims it, and whom to tell; only organisations that the user may see."""
    known = {str(one.pk): one for one in visible_to(user).filter(pk__in=found["owners"] or [])}
    owner = known.get(found["owner"] or "")
    return {
        "owner": owner,
        "owner_url": organisation_url(found["owner"]) if owner else "",
        "claims": [known[pk] for pk in found["owners"] or [] if pk in known and known[pk] != owner],
        "contacts": _contacts(user, owner),
    }


def _contacts(user: User, owner: Organisation | None) -> list[Contact]:
    """Whom to tell, as far as the user may see them: the contact may be that of a wider organisation."""
    told = contacts_to_tell(owner) if owner else []
    visible = set(
        contacts_visible_to(user).filter(pk__in=[one.pk for one in told]).values_list("pk", flat=True)
    )
    return [one for one in told if one.pk in visible]


def _original(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The row as it came, while the file is kept."""
    ingest = Ingest.objects.filter(sha256=found["raw_file"], state=found["state"]).first()
    path = raw.find(found["raw_file"])
    if ingest is None or path is None:
        return []
    try:
        row = reading.original_row(path, reading.known_feed(ingest.feed, ingest.state_id), found["raw_row"])
    except BadInput:
        return []  # damaged further up than this row was when it was read
    return list((row or {}).items())


@require_safe
@needs(Right.READ_EVENTS)
def findings(request: HttpRequest) -> HttpResponseBase:
    """What owners have to fix."""
    return FINDINGS.page(request, queries.findings_visible_to(asker(request)), title=_("Findings"))


@require_safe
@needs(Right.READ_EVENTS)
def finding(request: HttpRequest, key: int) -> HttpResponse:
    """One finding with its history."""
    user = asker(request)
    found = get_object_or_404(queries.findings_visible_to(user), pk=key)
    owner: Organisation | None = found.organisation
    table, pivot = queries.event_table(), Pivot({"finding": str(key)})
    question = queries.question_for(user, {"finding": key, "limit": FINDING_EVENTS})
    events: pl.DataFrame = queries.for_reader(table.rows(question), queries.scope_of(user))
    picture: Histogram | None = histogram(table, question, pivot)
    context = {
        "finding": found,
        "facts": _facts(found),
        "rows": list(event_rows(events, pivot)),
        "histogram": picture,
        "events_url": pivot(),
        "owner_url": organisation_url(str(owner.pk)) if owner else "",
        "contacts": _contacts(user, owner),
        "extras": extras.about(user, found),
    }
    return render(request, "events/finding.html", context)


def _feed_name(code: str) -> str:
    feed = own_feeds.of_any_state(code)
    return f"{feed.provider}: {feed.name}" if feed else code


def _facts(found: Finding) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        (_("Class"), class_name(found.type)),
        (_("Identifier"), found.identifier),
        (_("Address"), found.address),
        (_("Port"), found.port),
        (_("Malware"), found.malware),
        (_("Feed"), _feed_name(found.feed)),
        (_("First seen"), when(found.first_seen)),
        (_("Last seen"), when(found.last_seen)),
        (_("Sightings"), number(found.count)),
        (_("Changed"), when(found.changed_at)),
        (_("Last told"), when(found.notified_at) if found.notified_at else None),
    ]
    return [(name, value) for name, value in facts if value not in (None, "")]
