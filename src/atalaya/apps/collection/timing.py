"""When a source is asked next. Pure: the dice come from the caller."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
MOST_JITTER = timedelta(minutes=10)

Dice = Callable[[float, float], float]
"""A number between two, as random.uniform gives it."""


def first(now: datetime, every: timedelta, dice: Dice) -> datetime:
    """The first time of a new source: soon, but not at the same second as others that were made with it."""
    return now + min(every, timedelta(minutes=1)) * dice(0.1, 1)


def following(due: datetime, now: datetime, every: timedelta, dice: Dice) -> datetime:
    """The time after a good fetch that was due at `due`.

    In step with before, a tenth of the period (ten minutes at most) to either side: nodes that were set up alike do not
    ask at the same minute. Missed times are not made up for.
    """
    step = due + every
    if step <= now:
        step = now + every
    return max(now, step + min(every / 10, MOST_JITTER) * dice(-1, 1))


def again(now: datetime, every: timedelta, failures: int, asked: float, dice: Dice) -> datetime:
    """The time after `failures` failed fetches in a row: 1, 2, 4 ... minutes, the period or six hours at most, and not
    before the `asked` seconds that the server wants to be left alone."""
    longest = min(max(every, FIRST_PAUSE), LONGEST_PAUSE)
    pause = min(FIRST_PAUSE * 2.0 ** min(max(failures, 1) - 1, 20), longest)
    return now + max(pause * dice(0.75, 1.25), timedelta(seconds=asked))
