"""The answer as a file. Each event passes the gate of `core.marking` before it is written."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from django.conf import settings
from django.http import StreamingHttpResponse
from django.utils import timezone

from atalaya.apps.events import export, queries
from atalaya.apps.people.models import User
from atalaya.apps.registry.queries import Scope
from atalaya.core import limits, marking
from atalaya.core.errors import TooLarge
from atalaya.core.formats import stix
from atalaya.core.marking import Audience, Kind
from atalaya.core.store import Question

Batches = Iterator[pl.DataFrame]
CHUNK = 1024 * 1024
ROW_GROUP = 16_384
"""Rows that are in memory together while a Parquet file is put together."""


@dataclass(frozen=True)
class Format:
    """One format: its name, how it is written, its media type and ending, and how many events it may hold."""

    name: str
    write: Callable[[Batches], Iterator[bytes]]
    kind: str
    ending: str
    most: int = 0


def _as_stix(batches: Batches) -> Iterator[bytes]:
    return stix.bundle(batches, producer=settings.CONFIG.node.name)


def as_parquet(batches: Batches) -> Iterator[bytes]:
    """One Parquet file, written to a temporary folder part by part and then as a whole, without owners' identities."""
    with tempfile.TemporaryDirectory(prefix="atalaya-export-") as folder:
        parts = [_part(Path(folder), at, events) for at, events in enumerate(batches)]
        whole = Path(folder) / "events.parquet"
        if parts:
            pl.scan_parquet(parts).sink_parquet(whole, compression="zstd", row_group_size=ROW_GROUP)
        else:
            export.as_table(pl.DataFrame(schema=export.SCHEMA)).write_parquet(whole)
        with whole.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                yield chunk


def _part(folder: Path, at: int, events: pl.DataFrame) -> Path:
    path = folder / f"{at:06d}.parquet"
    export.as_table(events).write_parquet(path)
    return path


FORMATS: dict[str, Format] = {
    "csv": Format("CSV", export.as_csv, "text/csv; charset=utf-8", "csv"),
    "intelmq": Format("IntelMQ JSON", export.as_intelmq, "application/x-ndjson", "jsonl"),
    "parquet": Format(
        "Parquet", as_parquet, "application/vnd.apache.parquet", "parquet", limits.PARQUET_EVENTS
    ),
    "stix": Format(
        "STIX 2.1", _as_stix, "application/stix+json;version=2.1", "stix.json", limits.STIX_EVENTS
    ),
}


def download(format: str, question: Question, user: User) -> StreamingHttpResponse:
    """All answers to a question as a file of this format, written while it is sent.

    Raises TooLarge when there are more events than the format may hold.
    """
    chosen, table = FORMATS[format], queries.event_table()
    if chosen.most and (count := table.count(question)) > chosen.most:
        raise TooLarge(
            f"{chosen.name}: {count} events, and at most {chosen.most} fit.", advice="Ask for a shorter time."
        )
    response = StreamingHttpResponse(
        chosen.write(passed(table.batches(question), queries.scope_of(user))), content_type=chosen.kind
    )
    response["Content-Disposition"] = (
        f'attachment; filename="events-{timezone.localdate():%Y-%m-%d}.{chosen.ending}"'
    )
    response["X-Content-Type-Options"] = "nosniff"
    return response


def passed(batches: Batches, scope: Scope) -> Batches:
    """The events that may reach who has this scope, without claims that they may not see."""
    audience = Audience(Kind.TEAM if scope.organisations is None else Kind.OWNER, needs_to_know=True)
    allowed = [tlp for tlp in marking.TLP if marking.may_leave(tlp, audience).allowed]
    # A marking that is missing or not known is red.
    fits: Any = pl.col("tlp").is_in(allowed).fill_null("red" in allowed)
    for events in batches:
        yield queries.for_reader(events, scope).filter(fits)
