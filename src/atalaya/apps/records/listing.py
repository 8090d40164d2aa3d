"""The audit log as a list."""

from __future__ import annotations

import re

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from atalaya.apps.records.actions import NODE
from atalaya.apps.records.models import Record
from atalaya.apps.records.words import choices, verbs_like, words_for
from atalaya.web.listing import Column, Empty, Filter, Listing


def _mentions(source: QuerySet[Record], text: str) -> QuerySet[Record]:
    return source.filter(
        Q(by__icontains=text)
        | Q(verb__icontains=text)
        | Q(verb__in=verbs_like(text))
        | Q(target_id=text)
        | Q(target_kind=text)
    )


def _target(entry: Record) -> str:
    return f"{entry.target_kind} {entry.target_id}".strip()


def _target_cell(entry: Record) -> str:
    """Kind and identifier, of a long number its beginning: the whole stands on the entry's page and in the CSV file."""
    short = f"{entry.target_id[:8]}…" if re.fullmatch(r"[0-9a-f-]{32,}", entry.target_id) else entry.target_id
    return _breakable(f"{entry.target_kind} {short}".strip())


def _by_cell(entry: Record) -> str:
    return gettext("the node itself") if entry.by == NODE else entry.by


def _verb_cell(entry: Record) -> str:
    words = words_for(entry.verb)
    return _breakable(words) if words == entry.verb else words


def _breakable(name: str) -> str:
    """A dotted name that a narrow screen may break at its dots."""
    return format_html_join(SafeString(".<wbr>"), "{}", ((part,) for part in name.split(".")))


RECORDS = Listing(
    name="records",
    columns=(
        Column("seq", _("Number"), kind="number", sort="seq", link=lambda entry: reverse("records:record", args=[entry.seq])),
        Column("at", _("Time"), kind="time", sort="at"),
        Column("by", _("Who"), sort="by", cell=_by_cell),
        Column("verb", _("What"), sort="verb", cell=_verb_cell),
        Column("target", _("Which"), _target, kind="code", cell=_target_cell),
        Column("state", _("State"), sort="state", minor=True),
        Column("id", _("Identifier"), shown=False),
        Column("detail", _("Details"), shown=False),
        Column("previous", _("Hash before"), shown=False),
        Column("hash", _("Hash"), shown=False),
    ),
    filters=(
        Filter("q", _("Who, what or which"), apply=_mentions),
        Filter("verb", _("What"), "choice", choices=choices),
        Filter("since", _("From"), "date", lookup="at__date__gte"),
        Filter("until", _("To"), "date", lookup="at__date__lte"),
    ),
    order="-seq",
    empty=Empty(_("Nothing was written down yet"), _("Every change that somebody makes on this node leaves an entry here."), "records"),
)  # fmt: skip
