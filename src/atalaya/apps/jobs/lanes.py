"""Lanes: work that mostly waits for other machines, beside the work that keeps this one busy.

A download over a thin line takes an hour, and a mail server that is gone half a minute for each notice. Nothing else may stand
behind them: a worker has a few threads for each lane, and its main thread for everything that has none.
"""

from __future__ import annotations

from dataclasses import dataclass

MAIN = ""
"""The lane of work without one: one job at a time in each process."""


@dataclass(frozen=True)
class Lane:
    """`width` is how many of its jobs one process runs at a time. A process that ends waits for those that `finishes` says;
    others it gives back, as they go on where they left off."""

    width: int
    finishes: bool


FETCH, MAIL, HOOK = "fetch", "mail", "hook"
LANES: dict[str, Lane] = {
    FETCH: Lane(width=2, finishes=False),
    MAIL: Lane(width=2, finishes=True),
    HOOK: Lane(width=1, finishes=True),
}
