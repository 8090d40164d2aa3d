"""Early warning: false alarms in a country where nothing happens, and days until ten planted things are told.

Run: `./atalaya bench warning`. Countries are made up from several seeds (`bench/worlds`): 100 days to learn from, then 90
days on each of which a look is taken with what has arrived by then. Days to detect are counted from the day on which the
thing began to the day of the look that told it; a file of a day comes the day after, so one day is the least.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta

from atalaya.core.analysis.signals import Signal
from atalaya.core.analysis.watch import Seen, watch
from bench.measure import Figure, median
from bench.worlds.planted import Planted, campaigns
from bench.worlds.quiet import FIRST, Country, Maker

LEARNT, WATCHED = 100, 90
QUIET_SEEDS = (1, 2, 3)
PLANTED_SEEDS = (11, 12)
NEVER = 15
"""Days that stand for what was not found within two weeks."""
FALSE_A_WEEK, DAYS_TO_DETECT = 1.0, 2.0


def run() -> list[Figure]:
    """Measure and return the figures with their goals."""
    false = [list(quiet(seed)) for seed in QUIET_SEEDS]
    weeks = WATCHED / 7
    delays = [delay for seed in PLANTED_SEEDS for delay in planted(seed)]
    return [
        Figure("false alarms on quiet days", sum(map(len, false)) / len(false) / weeks, "a week", goal=FALSE_A_WEEK),
        Figure("false alarms in the worst country", max(map(len, false)) / weeks, "a week", goal=FALSE_A_WEEK),
        Figure("days until a planted campaign is told", median(delays), "days", goal=DAYS_TO_DETECT),
        Figure("planted campaigns told within two weeks", sum(one < NEVER for one in delays) / len(delays) * 100, "%", goal=90, at_most=False),
    ]  # fmt: skip


def quiet(seed: int) -> Iterator[Signal]:
    """Every signal of 90 quiet days."""
    country = Maker(seed, LEARNT + WATCHED).country()
    for _day, signal in looks(country):
        print(f"  quiet {seed}: {_told(signal)}", file=sys.stderr)
        yield signal


def planted(seed: int) -> list[int]:
    """Days until each of ten campaigns was told, `NEVER` for one that was not within two weeks."""
    maker = Maker(seed, LEARNT + WATCHED)
    planned = campaigns(maker, LEARNT + 2, 8)
    told = list(looks(maker.country(row for one in planned for row in one.rows)))
    delays = [_delay(one, told) for one in planned]
    for one, delay in zip(planned, delays, strict=True):
        print(
            f"  planted {seed}: {one.name}: {'not told' if delay == NEVER else f'{delay} days'}",
            file=sys.stderr,
        )
    return delays


def looks(country: Country) -> Iterator[tuple[int, Signal]]:
    """The day of the look and the signal, for each signal when it is told first."""
    standing: list[Signal] = []
    for day in range(LEARNT, LEARNT + WATCHED):
        cells, peaks = country.at(day)
        today = FIRST + timedelta(days=day)
        seen = Seen.of(cells, peaks, today, country.sectors)
        for signal in watch(seen, standing=standing) if seen else []:
            earlier = next((one for one in standing if signal.continues(one)), None)
            if earlier is None:
                yield day, signal
            else:
                standing.remove(earlier)
            standing.append(signal)


def _delay(campaign: Planted, told: list[tuple[int, Signal]]) -> int:
    days = [day - campaign.start for day, signal in told if signal.subject in campaign.subjects]
    return min((days for days in days if 0 <= days < NEVER), default=NEVER)


def _told(signal: Signal) -> str:
    return (
        f"{signal.kind} {signal.dimension} {signal.value} {signal.first} to {signal.last}: "
        f"{signal.observed:g} against {signal.expected:.2f}, chance {signal.chance:.1e}"
    )
