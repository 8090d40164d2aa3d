"""Times as people write them: 7d, 12h, today, 2026-11-05, 2026-11-05T14:30."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

from atalaya.core.store.ask import problem
from atalaya.core.store.ask.problem import Problem
from atalaya.core.store.ask.tree import Value

AGO = re.compile(r"(\d{1,5})(m|min|h|d|w|y)")
WIDTH = {
    "m": timedelta(minutes=1), "min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1),
    "w": timedelta(weeks=1), "y": timedelta(days=365),
}  # fmt: skip
DAYS = {"today": 0, "yesterday": 1}
EVER = "ever"
"""Says that a question is not bounded in time."""
DAY = re.compile(r"\d{4}-\d\d-\d\d")
FIRST = datetime(1970, 1, 2, tzinfo=UTC)


def check(value: Value) -> None:
    """Raises Problem when the value is no time."""
    resolve(value, datetime(2020, 1, 1, tzinfo=UTC), end=False)


def resolve(value: Value, now: datetime, *, end: bool) -> datetime | None:
    """The moment a time means at `now`, whose zone is the asker's; None for `ever`. Raises Problem for no time.

    A day (today, 7d, 2w, 2026-11-05) is a whole one: it begins at midnight, and with `end` it ends at the next.
    """
    text = value.text.strip().lower()
    if text == EVER:
        return None
    try:
        return _moment(text, now, end)
    except (ValueError, OverflowError) as error:
        raise Problem(problem.TIME, at=value.span[0], end=value.span[1], word=value.text) from error


def _moment(text: str, now: datetime, end: bool) -> datetime:
    if found := AGO.fullmatch(text):
        back = int(found[1]) * WIDTH[found[2]]
        if found[2] in ("m", "min", "h"):
            return max(FIRST, now.astimezone(UTC) - back)
        return _midnight(max(FIRST, now - back), now, end)
    if text in DAYS:
        return _midnight(now - timedelta(days=DAYS[text]), now, end)
    given = datetime.fromisoformat(text.upper())
    if DAY.fullmatch(text):
        return _midnight(given, now, end)
    aware = given if given.tzinfo else given.replace(tzinfo=now.tzinfo)
    return aware.astimezone(UTC)


def _midnight(day: datetime, now: datetime, end: bool) -> datetime:
    date = day.date() + timedelta(days=1 if end else 0)
    return datetime.combine(date, time(), now.tzinfo).astimezone(UTC)
