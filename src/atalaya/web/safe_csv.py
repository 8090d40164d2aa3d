"""CSV that a spreadsheet can open without running anything."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""First characters that make a spreadsheet take a cell for a formula. The wide ones count in some of them."""


def safe(value: Any) -> Any:
    """A cell as it may be written. Text that a spreadsheet would run gets an apostrophe in front; numbers stay
    numbers, times are ISO 8601 in UTC, nothing is an empty cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return value
    if isinstance(value, dt.datetime):
        return stamp(value)
    text = str(value)
    return f"'{text}" if text.startswith(DANGEROUS) else text


def stamp(moment: dt.datetime) -> str:
    """ISO 8601 in UTC with a Z, to the microsecond when there are any. A time without a zone is UTC."""
    aware = moment if timezone.is_aware(moment) else moment.replace(tzinfo=dt.UTC)
    return aware.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, line: str) -> str:
        return line


def lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The lines of the file, one by one."""
    writer = csv.writer(_Echo())
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow([safe(cell) for cell in row])


def response(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """A download called NAME-DATE.csv, sent while it is being read. UTF-8 without a mark in front."""
    answer = StreamingHttpResponse(lines(header, rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}-{timezone.localdate():%Y-%m-%d}.csv"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
