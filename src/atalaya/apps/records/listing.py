"""The audit log as a list."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from atalaya.apps.records.models import Record
from atalaya.web.listing import Column, Empty, Filter, Listing


def _mentions(source: QuerySet[Record], text: str) -> QuerySet[Record]:
    return source.filter(
        Q(by__icontains=text) | Q(verb__icontains=text) | Q(target_id=text) | Q(target_kind=text)
    )


def _target(entry: Record) -> str:
    return f"{entry.target_kind} {entry.target_id}".strip()


RECORDS = Listing(
    name="records",
    columns=(
        Column("seq", _("Number"), kind="number", sort="seq", link=lambda entry: reverse("records:record", args=[entry.seq])),
        Column("at", _("Time"), kind="time", sort="at"),
        Column("by", _("Who"), sort="by"),
        Column("verb", _("What"), kind="code", sort="verb"),
        Column("target", _("Which"), _target, kind="code"),
        Column("state", _("State"), sort="state"),
        Column("id", _("Identifier"), shown=False),
        Column("detail", _("Details"), shown=False),
        Column("previous", _("Hash before"), shown=False),
        Column("hash", _("Hash"), shown=False),
    ),
    filters=(
        Filter("q", _("Who, what or which"), apply=_mentions),
        Filter("verb", _("What"), lookup="verb__startswith", help="registry."),
        Filter("since", _("From"), "date", lookup="at__date__gte"),
        Filter("until", _("To"), "date", lookup="at__date__lte"),
    ),
    order="-seq",
    empty=Empty(_("Nothing was written down yet"), _("Every change that somebody makes on this node leaves an entry here."), "records"),
)  # fmt: skip
