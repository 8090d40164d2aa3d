"""Pages about reference files, for who manages the node."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from atalaya.apps.people.rights import Right, asker, needs
from atalaya.apps.reference import actions, queries
from atalaya.apps.reference.forms import LoadForm
from atalaya.apps.reference.listing import REFERENCE_FILES
from atalaya.apps.reference.models import ReferenceFile
from atalaya.core.errors import BadInput
from atalaya.web.templatetags.ui import number, when


@require_safe
@needs(Right.MANAGE_NODE)
def files(request: HttpRequest) -> HttpResponseBase:
    """What is loaded."""
    rows = queries.visible_to(asker(request))
    return REFERENCE_FILES.page(request, rows, title=_("Reference files"), template="reference/files.html")


@needs(Right.MANAGE_NODE)
def load(request: HttpRequest) -> HttpResponse:
    """Load a file, or another in the place of one."""
    form = LoadForm(request.POST or None, request.FILES or None, initial={"kind": request.GET.get("kind")})
    if request.method == "POST" and form.is_valid():
        document = form.cleaned_data["document"]
        try:
            row = actions.load(
                document, by=asker(request), kind=form.cleaned_data["kind"], name=document.name
            )
        except BadInput as error:
            form.add_error("document", str(error))
        else:
            return redirect("reference:file", row.pk)
    return render(request, "reference/load.html", {"form": form})


@require_safe
@needs(Right.MANAGE_NODE)
def file(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One file: what it is, and what is wrong with it."""
    row = get_object_or_404(queries.visible_to(asker(request)), pk=pk)
    return render(request, "reference/file.html", {"file": row, "facts": _facts(row)})


def _facts(row: ReferenceFile) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        (_("Kind"), row.get_kind_display()),
        (_("Calls itself"), row.title),
        (_("Part"), row.part),
        (_("Made on"), when(row.released) if row.released else ""),
        (_("Rows"), number(row.rows)),
        (_("Bytes"), number(row.size)),
        ("SHA-256", row.sha256),
        (_("Loaded"), when(row.loaded_at)),
        (_("By"), row.loaded_by or _("the operator at the command line")),
    ]
    return [(name, value) for name, value in facts if value not in (None, "")]


@require_POST
@needs(Right.MANAGE_NODE)
def remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a file out of use."""
    row = get_object_or_404(queries.visible_to(asker(request)), pk=pk)
    actions.remove(row, by=asker(request))
    messages.success(request, _("The file is removed."))
    return redirect("reference:list")
