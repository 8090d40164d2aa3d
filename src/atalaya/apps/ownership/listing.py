"""Attributions as a list."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from atalaya.apps.ownership.models import Attribution
from atalaya.web.listing import Column, Empty, Filter, Listing

ATTRIBUTIONS = Listing(
    name="ownership",
    columns=(
        Column("planned_at", _("Planned"), kind="time", sort="planned_at", link=lambda row: reverse("ownership:attribution", args=[row.pk])),
        Column("status", _("Status"), kind="status", sort="status"),
        Column("events", _("Events"), kind="number", sort="events"),
        Column("findings", _("Findings"), kind="number", sort="findings"),
        Column("first_day", _("From"), kind="date"),
        Column("last_day", _("To"), kind="date"),
        Column("decided_by", _("Decided by"), minor=True),
        Column("finished_at", _("Finished"), kind="time", sort="finished_at", minor=True),
    ),
    filters=(Filter("status", _("Status"), "choice", choices=Attribution.Status.choices),),
    order="-planned_at",
    empty=Empty(
        _("History fits the registry"),
        _("When networks change owners, what that means for the events of the past is shown here before it is done."),
        "network",
    ),
)  # fmt: skip
