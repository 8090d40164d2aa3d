"""Pages about feeds: all that this node reads, each by itself, and making one of one's own from a sample."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from atalaya.apps.events import own_feeds, queries, words
from atalaya.apps.events.classes import class_name
from atalaya.apps.events.models import OwnFeed
from atalaya.apps.events.own import actions
from atalaya.apps.events.own.forms import MappingForm, SampleForm
from atalaya.apps.events.staff import staff_only
from atalaya.apps.people.rights import Right, asker, needs
from atalaya.core.errors import AtalayaError, BadInput
from atalaya.core.feeds import Catalogue, Feed
from atalaya.core.feeds.checking import idf, map_text
from atalaya.core.feeds.drafting import chosen, write
from atalaya.core.feeds.finding import FOLDER
from atalaya.core.feeds.guessing import Column, Guess, guess
from atalaya.core.feeds.loader import feed_of_text
from atalaya.web.templatetags.ui import number

FEEDS_PER_PAGE = 100
TRIED_ROWS = 8
"""Events and rejected rows of a sample that are shown."""
SHOWN_COLUMNS = 120
SOURCE_KINDS = {"Shadowserver": "shadowserver", "misp-feed": "misp", "taxii-indicators": "taxii"}
"""By provider or feed: what its sources are, where they are no plain web addresses."""
OWN = "-own-"
"""What only the codes of own feeds have."""
ALIKE = ("feed.", "classification.taxonomy", "classification.type", "severity", "tlp", "raw.")
"""Fields that are the same in every row of a sample: they are not worth a column."""


@require_GET
@needs(Right.READ_EVENTS)
def feeds_page(request: HttpRequest) -> HttpResponse:
    """The feeds that this node reads, and when each last brought something."""
    staff_only(request)
    text, used = request.GET.get("text", "").strip().lower(), bool(request.GET.get("used"))
    known = queries.files_by_feed(asker(request))
    fitting = [
        feed for feed in _sorted_feeds(request) if _fits(feed, text) and (not used or feed.code in known)
    ]
    found = sorted(fitting, key=lambda feed: feed.code not in known)
    page = Paginator([_feed_row(feed, known) for feed in found], FEEDS_PER_PAGE).get_page(
        request.GET.get("page")
    )
    context = {"page": page, "total": len(_known(request).feeds), "text": text, "used": used}
    return render(request, "events/feeds.html", context)


def _known(request: HttpRequest) -> Catalogue:
    return own_feeds.known(own_feeds.states_of(asker(request)))


def _sorted_feeds(request: HttpRequest) -> list[Feed]:
    return sorted(_known(request).feeds, key=lambda feed: (feed.provider, feed.name))


def _fits(feed: Feed, text: str) -> bool:
    return all(word in f"{feed.code} {feed.name} {feed.provider}".lower() for word in text.split())


def _feed_row(feed: Feed, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    seen = known.get(feed.code, {})
    return {
        "feed": feed,
        "own": OWN in feed.code,
        "what": class_name(feed.constants.get("classification.type", "")),
        "last": seen.get("last"),
        "rows": seen.get("rows"),
        "files_url": f"{reverse('events:files')}?feed={feed.code}",
        "events_url": f"{reverse('events:explorer')}?feed={feed.code}",
        "add_source_url": _add_source_url(feed),
    }


def _add_source_url(feed: Feed) -> str:
    """Where a source of this feed is added: pages of an app above this one."""
    kind = SOURCE_KINDS.get(feed.provider if feed.provider in SOURCE_KINDS else feed.code, "http")
    return f"{reverse('collection:add')}?{urlencode({'kind': kind, 'feed': feed.code})}"


@require_safe
@needs(Right.READ_EVENTS)
def feed(request: HttpRequest, code: str) -> HttpResponse:
    """One feed: what it is, what each of its columns means, its example, and what it brought."""
    staff_only(request)
    found, own = _feed(request, code)
    names = [one for one in (found.layout or found.columns) if one in found.columns]
    context = {
        "feed": found,
        "own": own,
        "facts": _facts(request, found),
        "columns": [(name, _targets(found, name)) for name in names[:SHOWN_COLUMNS]],
        "more": max(len(names) - SHOWN_COLUMNS, 0),
        "example": _tried(found, found.example.text) if found.example else None,
        "versions": own.versions.select_related("by")[:20] if own else [],
        "files": queries.ingests_visible_to(asker(request)).filter(feed=code)[:5],
        "has_file": own is not None or (FOLDER / f"{code}.toml").exists(),
    }
    return render(request, "events/feed.html", context)


def _feed(request: HttpRequest, code: str) -> tuple[Feed, OwnFeed | None]:
    """A feed that the asker may see, and its row if it is a state's own. Raises Http404."""
    try:
        found = _known(request).get(code)
    except KeyError as error:
        raise Http404 from error
    return found, queries.own_feeds_visible_to(asker(request)).filter(code=code).first()


def _targets(found: Feed, name: str) -> str:
    told = found.columns[name]
    return ", ".join(f"{one.field} ({one.cast})" for one in told) if told else _("left out")


def _facts(request: HttpRequest, found: Feed) -> list[tuple[str, Any]]:
    brought = queries.files_by_feed(asker(request)).get(found.code, {})
    facts = [
        (_("Code"), found.code),
        (_("Provider"), found.provider),
        (_("Format"), found.format),
        (_("Class"), class_name(found.constants.get("classification.type", ""))),
        (_("Identifier"), found.constants.get("classification.identifier", "")),
        (_("Severity"), _(found.severity)),
        ("TLP", found.tlp.upper()),
        (_("Gone after days"), number(found.gone_after_days) if found.gone_after_days else ""),
        (_("A row needs"), "; ".join(" / ".join(one) for one in found.required)),
        (_("Published at"), f"{found.source.url} ({found.source.every})" if found.source else ""),
        (_("Files"), number(brought.get("files", 0))),
        (_("Events"), number(brought.get("rows") or 0)),
    ]
    return [(name, value) for name, value in facts if value]


def _tried(found: Feed, text: str) -> dict[str, Any]:
    """What comes of a sample: counts, the first events as a table, and the first rejected rows."""
    mapped = list(map_text(found, text.encode()))
    events = [event for one in mapped for event in idf(one.events.head(TRIED_ROWS))][:TRIED_ROWS]
    rejects = [one for batch in mapped for one in batch.rejects.head(TRIED_ROWS).to_dicts()][:TRIED_ROWS]
    fields = [
        one for one in dict.fromkeys(key for event in events for key in event) if not one.startswith(ALIKE)
    ]
    return {
        "kept": sum(one.events.height for one in mapped),
        "refused": sum(one.rejects.height for one in mapped),
        "fields": fields,
        "events": [[_shown(event.get(name)) for name in fields] for event in events],
        "rejects": [(one["row"], one["field"], words.reason(one["reason"]), one["raw"]) for one in rejects],
        "text": text[:4000],
    }


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, bool)) else str(value)


@require_GET
@needs(Right.READ_EVENTS)
def feed_file(request: HttpRequest, code: str) -> HttpResponse:
    """The declaration as a TOML file."""
    staff_only(request)
    found, own = _feed(request, code)
    path = FOLDER / f"{found.code}.toml"
    if own is None and not path.exists():
        raise Http404
    text = own.text if own else path.read_text(encoding="utf-8")
    response = HttpResponse(text, content_type="application/toml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{found.code}.toml"'
    return response


@needs(Right.WRITE_FEEDS)
def new_feed(request: HttpRequest) -> HttpResponse:
    """From a sample to a feed: paste, choose, test, save. Nothing is kept between the steps but what the page holds."""
    staff_only(request)
    form = SampleForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            found = guess(form.cleaned_data["sample"].encode())
        except BadInput as error:
            form.add_error(None, str(error))
        else:
            return _mapping(request, form.cleaned_data["sample"], found)
    return render(request, "events/feed_sample.html", {"form": form})


@needs(Right.WRITE_FEEDS)
def change_feed(request: HttpRequest, code: str) -> HttpResponse:
    """The same page for a feed that is there already."""
    staff_only(request)
    own = get_object_or_404(queries.own_feeds_visible_to(asker(request)), code=code)
    declared = feed_of_text(own.text, own.code)
    found = guess(own.sample.encode())
    before = chosen(declared)
    columns = tuple(
        Column(one.name, *before.get(one.name, (one.field, one.cast)), values=one.values)
        for one in found.columns
    )
    return _mapping(request, own.sample, Guess(found.shape, columns, found.rows), own=own, declared=declared)


def _mapping(
    request: HttpRequest,
    sample: str,
    found: Guess,
    *,
    own: OwnFeed | None = None,
    declared: Feed | None = None,
) -> HttpResponse:
    step = request.POST.get("step", "")
    form = MappingForm(
        request.POST if step in ("test", "save") else None,
        found=found,
        state=own.state_id if own else queries.state_of(asker(request)),
        code=own.code if own else "",
        initial=_initial(declared),
    )
    context: dict[str, Any] = {"form": form, "found": found, "sample": sample, "own": own, "step": step}
    if step in ("test", "save") and form.is_valid():
        try:
            text = write(form.draft(), sample)
            context["tried"] = _tried(feed_of_text(text, form.cleaned_data["name"]), sample)
            if step == "save":
                return _saved(request, text, sample, own)
        except AtalayaError as error:
            form.add_error(None, str(error))
    return render(request, "events/feed_mapping.html", context)


def _initial(declared: Feed | None) -> dict[str, Any]:
    if declared is None:
        return {}
    return {
        "name": declared.name,
        "provider": declared.provider,
        "type": declared.constants.get("classification.type", ""),
        "identifier": declared.constants.get("classification.identifier", ""),
        "severity": declared.severity,
        "tlp": declared.tlp,
        "gone_after_days": declared.gone_after_days,
    }


def _saved(request: HttpRequest, text: str, sample: str, own: OwnFeed | None) -> HttpResponse:
    user = asker(request)
    state = own.state_id if own else queries.state_of(user)
    saved = actions.save_feed(text, by=user, state=state, sample=sample, feed=own)
    messages.success(request, _("The feed is saved. Files of it are read from now on."))
    return redirect("events:feed", saved.code)


@require_POST
@needs(Right.WRITE_FEEDS)
def remove_feed(request: HttpRequest, code: str) -> HttpResponse:
    """Delete an own feed that was never used."""
    staff_only(request)
    own = get_object_or_404(queries.own_feeds_visible_to(asker(request)), code=code)
    try:
        actions.remove_feed(own, by=asker(request))
    except BadInput as error:
        messages.error(request, str(error))
        return redirect("events:feed", code)
    messages.success(request, _("The feed is deleted."))
    return redirect(reverse("events:feeds"))
