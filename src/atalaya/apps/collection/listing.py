"""Sources and their fetches as lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from atalaya.apps.collection.models import Run, Source
from atalaya.apps.collection.usual import Usual
from atalaya.apps.collection.words import told
from atalaya.core.draw import sparkline_svg
from atalaya.web.listing import Column, Empty, Filter, Listing
from atalaya.web.templatetags import ui

NOTHING = Usual(())


def source_url(source: Source) -> str:
    """Address of a source's page."""
    return reverse("collection:source", args=[source.pk])


def rows_cell(usual: Usual, name: str) -> SafeString:
    """The rows of the last fetch, a small line of those before, and a word when it is not as usual."""
    if usual.last is None:
        return SafeString('<span class="faint no">–</span>')
    words = {"less": gettext("fewer than usual"), "more": gettext("more than usual")}
    word = ui.badge(words[usual.verdict], "warn") if usual.verdict else ""
    line = SafeString(sparkline_svg(usual.rows, title=name)) if len(usual.rows) > 1 else ""
    return format_html("{} {} {}", ui.number(usual.last), line, word)


def _attention(source: QuerySet[Source], value: str) -> QuerySet[Source]:
    bad = (Source.Status.FAILING, Source.Status.SILENT)
    return source.filter(status__in=bad) if value == "yes" else source.exclude(status__in=bad)


def _next(source: Source) -> Any:
    if not source.enabled:
        return SafeString('<span class="faint no">–</span>')
    return ui.when(source.next_run_at)


def _css(source: Source) -> str:
    return {"failing": "refused", "paused": "quiet"}.get(source.status, "")


def sources(usual: Mapping[UUID, Usual]) -> Listing:
    """The list of sources, with what is usual for each."""

    def rows(source: Source) -> SafeString:
        return rows_cell(usual.get(source.pk, NOTHING), source.name)

    return Listing(
        name="sources",
        columns=(
            Column("name", _("Name"), sort="name", link=source_url),
            Column("status", _("Status"), kind="status", sort="status"),
            Column("kind", _("Kind"), cell=lambda one: one.get_kind_display(), sort="kind", minor=True),
            Column("last_good_at", _("Last good fetch"), kind="time", sort="last_good_at"),
            Column("last_new_at", _("Last new file"), kind="time", sort="last_new_at", minor=True),
            Column(
                "rows", _("Rows against the usual"), lambda one: usual.get(one.pk, NOTHING).last, cell=rows
            ),
            Column("next_run_at", _("Next fetch"), kind="time", sort="next_run_at", cell=_next, minor=True),
            Column("feed", _("Feed"), shown=False),
            Column("failures", _("Failed in a row"), kind="number", shown=False),
            Column("every_minutes", _("Minutes between two fetches"), kind="number", shown=False),
        ),
        filters=(
            Filter("name", _("Name"), lookup="name__icontains"),
            Filter("status", _("Status"), "choice", choices=Source.Status.choices),
            Filter("kind", _("Kind"), "choice", choices=Source.Kind.choices),
            Filter("look", _("Needs a look"), "yes", apply=_attention),
            Filter("feed", _("Feed"), shown=False),
        ),
        order="name",
        empty=Empty(
            _("No source yet"),
            _("A source is a place from which this node fetches a feed by itself, in good time and gently."),
            "feeds",
            lambda: reverse("collection:add"),
            _("Add a source"),
            "events:write",
        ),
        row_css=_css,
    )


SOURCES = sources({})

RUNS = Listing(
    name="runs",
    columns=(
        Column("began_at", _("Began"), kind="time", sort="began_at"),
        Column("result", _("Result"), kind="status", sort="result"),
        Column("files", _("New files"), kind="number", sort="files"),
        Column("rows", _("Rows"), kind="number", sort="rows"),
        Column("bytes", _("Bytes"), kind="number", sort="bytes", minor=True),
        Column("message", _("Message"), lambda run: told(run.message)),
        Column("finished_at", _("Finished"), kind="time", shown=False),
    ),
    filters=(Filter("result", _("Result"), "choice", choices=Run.Result.choices),),
    order="-began_at",
    empty=Empty(_("Not fetched yet"), _("The first fetch comes within a minute."), "clock"),
)
