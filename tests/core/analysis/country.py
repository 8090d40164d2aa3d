"""Cells that tests write by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import polars as pl

from atalaya.core.analysis.cells import CELLS, DIMENSIONS, PEAKS
from atalaya.core.analysis.watch import Seen

FIRST = date(2026, 1, 5)
SECTORS = {f"org-{n}": ("telecom", "health", "finance")[n % 3] for n in range(9)}


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


def row(n: int, count: int, **values: Any) -> dict[str, Any]:
    """`count` findings on day `n`; `kind` stands for the class."""
    values = {
        "class": values.pop("kind", "infected-system"),
        "feed": "sinkhole",
        "provider": "watcher",
        **values,
    }
    return {"day": day(n), "count": count, **dict.fromkeys(DIMENSIONS), **values}


def cells(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=CELLS, orient="row")


def quiet(last: int, first: int = 0) -> list[dict[str, Any]]:
    """Seven findings a day of two feeds, day after day."""
    found = []
    for n in range(first, last + 1):
        found.append(row(n, 4, malware="mirai", identifier="mirai", organisation="org-0"))
        found.append(row(n, 3, kind="vulnerable-system", feed="scan", port="23", organisation="org-1"))
    return found


def seen(rows: Iterable[dict[str, Any]], last: int, peaks: pl.DataFrame | None = None) -> Seen:
    found = Seen.of(cells(rows), pl.DataFrame(schema=PEAKS) if peaks is None else peaks, day(last), SECTORS)
    assert found is not None
    return found
