"""From the event table and the registry to what the look-out judges by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import polars as pl

from atalaya.apps.events.tables import event_table
from atalaya.apps.registry.models import Organisation
from atalaya.core.analysis import cells
from atalaya.core.analysis.watch import BACK, HISTORY, Seen


def seen(states: Iterable[str], now: datetime) -> Seen | None:
    """Counts of these states' events of the days before `now`; None when there are none. Days are days of UTC."""
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=HISTORY + BACK)
    found = [cells.of_table(event_table(), state, first, today) for state in sorted(states)]
    if not found:
        return None
    counted, peaks = (pl.concat([one[part] for one in found]) for part in (0, 1))
    return Seen.of(counted, peaks, today, sectors(states))


def sectors(states: Iterable[str]) -> dict[str, str]:
    """Sector of every organisation of these states, by its UUID as text."""
    rows = Organisation.objects.filter(state__in=list(states)).values_list("pk", "sector")
    return {str(pk): sector for pk, sector in rows}


def last_day(seen: Seen) -> date:
    """The last whole day of which anything is known: today is not over, and files of a day come on the day after."""
    last: date = seen.cells["day"].max()  # type: ignore[assignment]
    return min(last, seen.today - timedelta(days=1))
