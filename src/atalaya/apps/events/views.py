"""Pages about events and findings."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from atalaya.apps.events import asking, extras, own_feeds, queries, raw, reading, stories
from atalaya.apps.events.classes import class_name
from atalaya.apps.events.details import fields_of
from atalaya.apps.events.forms import feed_choices
from atalaya.apps.events.listing import FINDINGS, finding_url, organisation_url, with_exploited
from atalaya.apps.events.marks.actions import MARKABLE
from atalaya.apps.events.marks.forms import AnswerForm, MarkForm
from atalaya.apps.events.marks.queries import of_finding, with_word
from atalaya.apps.events.marks.shown import shown
from atalaya.apps.events.models import Finding, Ingest
from atalaya.apps.events.pictures import Histogram, histogram
from atalaya.apps.events.pivots import ROW_COLUMNS, Pivot, event_rows, story_url
from atalaya.apps.events.rules.queries import of_event
from atalaya.apps.events.rules.shown import before
from atalaya.apps.events.weaknesses import techniques, weaknesses
from atalaya.apps.people.models import User
from atalaya.apps.people.rights import Right, asker, has, needs
from atalaya.apps.reference import queries as reference
from atalaya.apps.registry.models import Contact, Organisation
from atalaya.apps.registry.queries import contacts_to_tell, contacts_visible_to, visible_to
from atalaya.core.errors import BadInput
from atalaya.web.templatetags.ui import number, when

FINDING_EVENTS = 20


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
        "story_url": story_url(found),
        "told": stories.told(user, place) if (place := _place(found)) else None,
        "rule": of_event(user, found["state"], found["rule"]),
        "rule_before": before(found),
        "weaknesses": weaknesses([found["product_vulnerabilities"]], found["classification_identifier"]),
        "techniques": techniques(found["classification_type"]),
        **_owners(user, found),
    }
    return render(request, "events/event.html", context)


def _place(found: dict[str, Any]) -> dict[str, Any]:
    """What the story of an event is about: its address, or the domain when it has none."""
    if found["source_ip"]:
        return {"ip": found["source_ip"]}
    return {"domain": found["source_fqdn"]} if found["source_fqdn"] else {}


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
    user = asker(request)
    listing = FINDINGS.offering(feed=feed_choices(own_feeds.states_of(user)))
    listing = listing if has(user, Right.MARK_FINDINGS) else listing.without("pick")
    listing = with_exploited(listing, reference.kev())
    rows = with_word(queries.findings_visible_to(user))
    return listing.page(request, rows, title=_("Findings"), template="events/findings.html")


@require_safe
@needs(Right.READ_EVENTS)
def finding(request: HttpRequest, key: int) -> HttpResponse:
    """One finding with its history."""
    user = asker(request)
    found = get_object_or_404(with_word(queries.findings_visible_to(user)), pk=key)
    owner: Organisation | None = found.organisation
    table, pivot = queries.event_table(), Pivot(asking.term("finding", key))
    question = queries.question_for(user, {"finding": key, "limit": FINDING_EVENTS})
    events: pl.DataFrame = queries.for_reader(
        table.rows(question, (*ROW_COLUMNS, "product_vulnerabilities")), queries.scope_of(user)
    )
    picture: Histogram | None = histogram(table, question, pivot)
    context = {
        "finding": found,
        "facts": _facts(found),
        "rows": list(event_rows(events, pivot)),
        "histogram": picture,
        "events_url": pivot(),
        "told": stories.told(user, {"finding": key}),
        "owner_url": organisation_url(str(owner.pk)) if owner else "",
        "contacts": _contacts(user, owner),
        "extras": extras.about(user, found),
        "rule": of_event(user, found.state, found.rule),
        "weaknesses": weaknesses([found.cves, *events["product_vulnerabilities"].unique()], found.identifier),
        "techniques": techniques(found.type),
        **_words(user, found),
    }
    return render(request, "events/finding.html", context)


def _feed_name(code: str) -> str:
    feed = own_feeds.of_any_state(code)
    return f"{feed.provider}: {feed.name}" if feed else code


def _words(user: User, found: Finding) -> dict[str, Any]:
    """What was said of the finding, and the forms with which this user may say or answer something."""
    may_mark = has(user, Right.MARK_FINDINGS) and found.organisation_id and found.status in MARKABLE
    return {
        "marks": [shown(user, given) for given in of_finding(user, found)],
        "again": found.again,  # type: ignore[attr-defined]
        "answer_form": AnswerForm(),
        "mark_form": MarkForm() if may_mark and found.word is None else None,  # type: ignore[attr-defined]
        "chosen": [found],
        "back": finding_url(found),
    }


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
