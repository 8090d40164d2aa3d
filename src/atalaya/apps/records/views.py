"""Pages of the audit log. Nothing here can change it."""

from __future__ import annotations

import json
from typing import cast

from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from atalaya.apps.records.listing import RECORDS
from atalaya.apps.records.models import Record
from atalaya.apps.records.queries import Asker, visible_to
from atalaya.apps.records.words import words_for

READ = "records:read"


@permission_required(READ, raise_exception=True)
def records(request: HttpRequest) -> HttpResponseBase:
    """Every entry that the user may see, latest first."""
    return RECORDS.page(request, _visible(request), title=_("Audit records"), template="records/list.html")


@permission_required(READ, raise_exception=True)
def record(request: HttpRequest, seq: int) -> HttpResponse:
    """One entry with everything that its hash stands for."""
    entry = get_object_or_404(_visible(request), seq=seq)
    detail = json.dumps(entry.detail, indent=2, ensure_ascii=False, sort_keys=True) if entry.detail else ""
    context = {"entry": entry, "words": words_for(entry.verb), "detail": detail}
    return render(request, "records/record.html", context)


def _visible(request: HttpRequest) -> QuerySet[Record]:
    """What the asker may see; the decorator has let no stranger in."""
    return visible_to(cast(Asker, request.user))
