"""The answer as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import polars as pl
from django.http import StreamingHttpResponse
from django.utils import timezone

from atalaya.apps.events import export, queries
from atalaya.apps.people.models import User
from atalaya.core.store import Question

Writer = Callable[[Iterator[pl.DataFrame]], Iterator[bytes]]

FORMATS: dict[str, str] = {"csv": "CSV", "intelmq": "IntelMQ JSON"}
"""Formats of the answer, each with its name."""
_WRITERS: dict[str, tuple[Writer, str, str]] = {
    "csv": (export.as_csv, "text/csv; charset=utf-8", "csv"),
    "intelmq": (export.as_intelmq, "application/x-ndjson", "jsonl"),
}


def download(format: str, question: Question, user: User) -> StreamingHttpResponse:
    """All answers to a question as a file of this format, written while it is sent."""
    scope = queries.scope_of(user)
    batches = (queries.for_reader(events, scope) for events in queries.event_table().batches(question))
    write, kind, ending = _WRITERS[format]
    response = StreamingHttpResponse(write(batches), content_type=kind)
    response["Content-Disposition"] = (
        f'attachment; filename="events-{timezone.localdate():%Y-%m-%d}.{ending}"'
    )
    response["X-Content-Type-Options"] = "nosniff"
    return response
