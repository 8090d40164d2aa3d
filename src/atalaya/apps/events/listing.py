"""Lists of this app, declared once: findings and files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from atalaya.apps.events import own_feeds
from atalaya.apps.events.classes import CLASSES, class_name
from atalaya.apps.events.forms import feed_choices
from atalaya.apps.events.marks.queries import by_word
from atalaya.apps.events.models import Finding, Ingest, Mark
from atalaya.apps.events.weaknesses import by_exploited, is_exploited
from atalaya.apps.registry.queries import with_children
from atalaya.core.enrich.kev import Kev
from atalaya.core.schema.columns import SEVERITIES
from atalaya.web.listing import Column, Empty, Filter, Listing
from atalaya.web.templatetags.ui import SEVERITY_NAMES, badge


def finding_url(finding: Finding) -> str:
    """Address of a finding's page."""
    return reverse("events:finding", args=[finding.pk])


def file_url(ingest: Ingest) -> str:
    """Address of a file's page."""
    return reverse("events:file", args=[ingest.pk])


WORDS = (
    ("new", _("not answered yet")),
    *Mark.Kind.choices,
    ("again", _("said solved, seen again")),
)


def _text(source: QuerySet[Finding], value: str) -> QuerySet[Finding]:
    return source.filter(
        Q(address__icontains=value)
        | Q(cves__icontains=value)
        | Q(identifier__icontains=value)
        | Q(malware__icontains=value)
        | Q(organisation__name__icontains=value)
    )


def _status(source: QuerySet[Finding], value: str) -> QuerySet[Finding]:
    if value == "now":
        return source.filter(status__in=(Finding.Status.OPEN, Finding.Status.BACK))
    return source.filter(status=value)


def _organisation(source: QuerySet[Finding], value: str) -> QuerySet[Finding]:
    return source.filter(organisation__name__icontains=value)


def _family(source: QuerySet[Finding], value: UUID) -> QuerySet[Finding]:
    """Findings of an organisation and of everything that is part of it."""
    return source.filter(organisation__in=with_children([value]))


def _owner_url(finding: Finding) -> str:
    return organisation_url(str(finding.organisation_id)) if finding.organisation_id else ""


def organisation_url(pk: str) -> str:
    """Address of an organisation's page in the registry."""
    return reverse("registry:organisation", args=[pk])


def _severity_choices() -> list[tuple[str, Any]]:
    return [(str(rank), SEVERITY_NAMES[name]) for rank, name in reversed(list(enumerate(SEVERITIES)))]


def _class_choices() -> list[tuple[str, Any]]:
    return sorted(CLASSES.items(), key=lambda one: str(one[1]))


def _pick(finding: Finding) -> SafeString:
    """A box to choose the finding with; its form stands above the list."""
    label = _("Choose %(finding)s") % {"finding": finding}
    return format_html(
        '<input type="checkbox" name="finding" value="{}" form="marking" aria-label="{}">', finding.pk, label
    )


def _state_of(finding: Finding) -> SafeString:
    """The status, and whether it was said to be solved in vain (where the list was asked for that)."""
    status, again = badge(finding.get_status_display(), finding.status), getattr(finding, "again", 0)
    if not again:
        return status
    return format_html(
        "{} {}", status, badge(_("said solved, seen again: %(times)d") % {"times": again}, "bad")
    )


FINDINGS = Listing(
    name="findings",
    columns=(
        Column("pick", _("Choose"), kind="tick", cell=_pick, exported=False),
        Column("id", _("Number"), "pk", shown=False),
        Column("address", _("Address"), kind="code", sort="address", link=finding_url),
        Column(
            "port",
            _("Port"),
            kind="number",
            sort="port",
            cell=lambda one: "" if one.port is None else str(one.port),
        ),
        Column("class", _("Class"), lambda one: class_name(one.type), sort="type"),
        Column("type", _("Class code"), shown=False),
        Column("identifier", _("Identifier"), kind="code", sort="identifier"),
        Column("malware", _("Malware"), shown=False),
        Column("cves", _("Vulnerabilities"), shown=False),
        Column(
            "organisation", _("Organisation"), "organisation.name", sort="organisation__name", link=_owner_url
        ),
        Column("severity", _("Severity"), kind="severity", sort="severity"),
        Column("status", _("Status"), kind="status", sort="status", cell=_state_of),
        Column("word", _("Owner's word"), lambda one: getattr(one, "word", None) or "", shown=False),
        Column("again", _("Said solved, seen again"), lambda one: getattr(one, "again", 0), shown=False),
        Column("first_seen", _("First seen"), kind="time", sort="first_seen", minor=True),
        Column("last_seen", _("Last seen"), kind="time", sort="last_seen"),
        Column("count", _("Sightings"), kind="number", sort="count", minor=True),
        Column("feed", _("Feed"), shown=False),
        Column("notified_at", _("Last told"), kind="time", shown=False),
    ),
    filters=(
        Filter("text", _("Search"), apply=_text, help=_("Address, identifier, malware")),
        Filter(
            "status",
            _("Status"),
            "choice",
            apply=_status,
            choices=(("now", _("open or came back")), *Finding.Status.choices),
        ),
        Filter("word", _("Owner's word"), "choice", apply=by_word, choices=WORDS),
        Filter("type", _("Class"), "choice", choices=_class_choices),
        Filter(
            "severity", _("Severity at least"), "choice", lookup="severity__gte", choices=_severity_choices
        ),
        Filter("organisation", _("Organisation"), apply=_organisation),
        Filter("owner", _("Organisation"), "uuid", lookup="organisation", shown=False),
        Filter("feed", _("Feed"), "choice", choices=feed_choices),
        Filter("since", _("Seen since"), "date", lookup="last_seen__date__gte"),
        Filter("family", _("Organisation"), "uuid", apply=_family, shown=False),
        Filter("rank", _("Severity"), "number", lookup="severity", shown=False),
        Filter("identifier", _("Identifier"), shown=False),
        Filter("opened", _("First seen since"), "date", lookup="first_seen__date__gte", shown=False),
        Filter("changed", _("Changed since"), "date", lookup="changed_at__date__gte", shown=False),
    ),
    order="-last_seen",
    empty=Empty(
        _("No findings"),
        _(
            "A finding is something an owner has to fix. It opens by itself when an event has an owner in the registry."
        ),
        "findings",
        lambda: reverse("events:explorer"),
        _("To the events"),
    ),
)


def with_exploited(listing: Listing, catalogue: Kev) -> Listing:
    """The findings' list with what is known to be exploited, as a column and a filter; without a catalogue as it is."""
    if not catalogue.entries:
        return listing

    def said(finding: Finding) -> str:
        return "yes" if is_exploited(finding.cves, finding.identifier, catalogue) else ""

    def shown(finding: Finding) -> SafeString | str:
        return badge(_("exploited"), "bad") if said(finding) else ""

    column = Column("kev", _("Known exploited"), said, cell=shown)
    asked = Filter("kev", _("Known exploited"), "yes", apply=by_exploited)
    at = next(at for at, one in enumerate(listing.columns) if one.key == "organisation")
    columns = (*listing.columns[:at], column, *listing.columns[at:])
    return replace(listing, columns=columns, filters=(*listing.filters, asked))


def _with_rejects(source: QuerySet[Ingest], value: str) -> QuerySet[Ingest]:
    found = Q(rows_rejected__gt=0)
    return source.filter(found) if value == "yes" else source.exclude(found)


def _needs_a_look(source: QuerySet[Ingest], value: str) -> QuerySet[Ingest]:
    found = Q(rejects_seen_at=None) & (Q(rows_rejected__gt=0) | Q(status=Ingest.Status.FAILED))
    return source.filter(found) if value == "yes" else source.exclude(found)


def _feed_name(ingest: Ingest) -> str:
    """What people call the feed; its code where the node no longer knows it."""
    return own_feeds.name_of(ingest.feed)


def _row_css(ingest: Ingest) -> str:
    return "refused" if ingest.status == Ingest.Status.FAILED else ""


FILES = Listing(
    name="files",
    columns=(
        Column("name", _("File"), sort="name", link=file_url),
        Column("received_at", _("Received"), kind="time", sort="received_at"),
        Column("status", _("Status"), kind="status", sort="status"),
        Column("feed", _("Feed"), cell=_feed_name, sort="feed", minor=True),
        Column("rows_read", _("Rows read"), kind="number", sort="rows_read", minor=True),
        Column("rows_kept", _("Kept"), kind="number", sort="rows_kept"),
        Column("rows_doubled", _("Doubled"), kind="number", sort="rows_doubled", minor=True),
        Column("rows_rejected", _("Rejected"), kind="number", sort="rows_rejected"),
        Column("new_findings", _("New findings"), kind="number", sort="new_findings"),
        Column("channel", _("How it came"), shown=False),
        Column("size", _("Bytes"), kind="number", shown=False),
        Column("sha256", "SHA-256", kind="code", shown=False),
        Column("message", _("Message"), shown=False),
    ),
    filters=(
        Filter("name", _("File name"), lookup="name__icontains"),
        Filter("status", _("Status"), "choice", choices=Ingest.Status.choices),
        Filter("feed", _("Feed"), "choice", choices=feed_choices),
        Filter("channel", _("How it came"), "choice", choices=Ingest.Channel.choices),
        Filter("rejected", _("Rejected rows"), "yes", apply=_with_rejects),
        Filter("look", _("Needs a look"), "yes", apply=_needs_a_look),
        Filter("since", _("Received since"), "date", lookup="received_at__date__gte"),
    ),
    order="-received_at",
    empty=Empty(
        _("No file has come in yet"),
        _("Add one here, put it into the drop folder, or send it to the API."),
        "files",
        lambda: reverse("events:upload"),
        _("Add files"),
        "events:write",
    ),
    row_css=_row_css,
)
