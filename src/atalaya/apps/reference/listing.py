"""Reference files as a list."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from atalaya.apps.reference.models import ReferenceFile
from atalaya.web.listing import Column, Empty, Filter, Listing


def file_url(row: ReferenceFile) -> str:
    """Address of a file's page."""
    return reverse("reference:file", args=[row.pk])


REFERENCE_FILES = Listing(
    name="reference",
    columns=(
        Column("name", _("File"), sort="name", link=file_url),
        Column("kind", _("Kind"), lambda row: row.get_kind_display(), sort="kind"),
        Column("part", _("Part"), kind="code", minor=True),
        Column("status", _("Status"), kind="status", sort="status"),
        Column("released", _("Made on"), kind="date", sort="released"),
        Column("rows", _("Rows"), kind="number", sort="rows"),
        Column("size", _("Bytes"), kind="number", sort="size", minor=True),
        Column("loaded_at", _("Loaded"), kind="time", sort="loaded_at"),
        Column("loaded_by", _("By"), minor=True),
        Column("sha256", "SHA-256", kind="code", shown=False),
        Column("message", _("Message"), shown=False),
    ),
    filters=(
        Filter("kind", _("Kind"), "choice", choices=ReferenceFile.Kind.choices),
        Filter("status", _("Status"), "choice", choices=ReferenceFile.Status.choices),
    ),
    order="kind",
    empty=Empty(
        _("No reference file is loaded"),
        _(
            "With one, the node says by itself where an address is, whose network it is in, and which weaknesses are attacked already. It asks nobody."
        ),
        "files",
        lambda: reverse("reference:load"),
        _("Load a file"),
        "node:manage",
    ),
)
