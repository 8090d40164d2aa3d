"""Runs as a list."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from atalaya.apps.retention.models import Run
from atalaya.web.listing import Column, Empty, Filter, Listing

RUNS = Listing(
    name="retention",
    columns=(
        Column("started_at", _("Started"), kind="time", sort="started_at", link=lambda row: reverse("retention:run", args=[row.pk])),
        Column("today", _("As of"), kind="date", sort="today", minor=True),
        Column("status", _("Status"), kind="status", sort="status"),
        Column("dry", _("Only looked at"), kind="yes"),
        Column("deleted", _("Events deleted"), kind="number", sort="deleted"),
        Column("pseudonymised", _("Events with pseudonyms"), kind="number", sort="pseudonymised"),
        Column("originals", _("Original files"), kind="number", sort="originals", minor=True),
        Column("sha256", _("SHA-256 of the statement"), kind="code", shown=False),
    ),
    filters=(Filter("status", _("Status"), "choice", choices=Run.Status.choices), Filter("dry", _("Only looked at"), "yes", lookup="dry")),
    order="-started_at",
    empty=Empty(
        _("Everything is kept"),
        _("As soon as rules are applied, each day's run is shown here with what it removed."),
        "clock",
    ),
)  # fmt: skip
