"""The usual day of many series of daily counts at once: weekday pattern, level, spread. Rows are series, columns days.

For one series with counts y on the days that are known of the last `WINDOW`:

- clipped: c = min(y, q + 3*max(1.4826*MAD, sqrt(q), 1)), q the median, so that an outbreak does not teach itself as usual;
- weekday: f(w) = (sum of c on w + k) / (days on w * mean(c) + k), k = mean(c) + 10. Days with few counts get 1: ten
  counts of an even week are added to each weekday (a Gamma prior, as in Gelman et al., Bayesian Data Analysis, 2.6);
- level: m = (sum of c + 1/2) / (sum of f), over the last `LEVEL` days alone: the mean after Jeffreys' prior;
- spread: d = max(1, 1.25 * mean of the squared Pearson residuals (y-m*f)^2/(m*f), the highest twentieth left out);
- the next day: mean m*f, variance d*m*f*(1 + 1/n) + (m*f/10)^2, a negative binomial: what is not known of the level
  (n known days) and its slow drift widen it. The idea of a robust, weekday-wise, over-dispersed count baseline is that of
  outbreak detection: Noufaily et al., An improved algorithm for outbreak detection, Stat. Med. 32 (2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from atalaya.core.analysis.tail import Floats

WINDOW, LEVEL = 56, 28
"""Days that tell the weekday pattern and spread, and the level."""
LEAST_DAYS = 14
"""Known days before anything is called usual."""
_PRIOR = 10.0


@dataclass(frozen=True)
class Usual:
    """What each series would count on one day. `known` is false where there are too few days to tell."""

    mean: Floats
    variance: Floats
    known: npt.NDArray[np.bool_]
    highest: Floats
    """The second highest count of the days behind it: one odd day does not hide the next."""

    def band(self, tail: float = 0.1) -> tuple[Floats, Floats]:
        """Low and high: nine days in ten lie at or above, and at or below, by a normal approximation for the picture."""
        width = {0.1: 1.2816, 0.05: 1.6449, 0.025: 1.96}[tail] * np.sqrt(self.variance)
        return np.maximum(0.0, self.mean - width), self.mean + width


def usual(counts: Floats, known: npt.NDArray[np.bool_], weekdays: npt.NDArray[np.int64]) -> Usual:
    """The usual of the day after the last column.

    `counts` and `known` (series x days): a day on which a series is not known counts for nothing, it is no zero.
    `weekdays`: 0 to 6 for each column, and one more for the day that is asked for.
    """
    counts, known = counts[:, -WINDOW:], known[:, -WINDOW:]
    days, asked = weekdays[-counts.shape[1] - 1 : -1], int(weekdays[-1])
    told = np.where(known, counts, np.nan)
    enough = known.sum(axis=1) >= LEAST_DAYS
    clipped = np.where(known, np.minimum(counts, _ceiling(told)[:, None]), 0.0)
    factors = _weekday_factors(clipped, known, days)
    shape = factors[:, days]
    recent = slice(-LEVEL, None)
    weight = np.maximum(np.where(known, shape, 0.0)[:, recent].sum(axis=1), 1.0)
    level = (clipped[:, recent].sum(axis=1) + 0.5) / weight
    spread = _spread(told, np.maximum(level[:, None] * shape, 0.05))
    mean = level * factors[:, asked]
    n = np.maximum(known[:, recent].sum(axis=1), 1)
    return Usual(mean, spread * mean * (1 + 1 / n) + (0.1 * mean) ** 2, enough, _second_highest(told))


def _ceiling(told: Floats) -> Floats:
    some = ~np.all(np.isnan(told), axis=1)
    middle, width = np.zeros(len(told)), np.zeros(len(told))
    if some.any():
        middle[some] = np.nanmedian(told[some], axis=1)
        width[some] = 1.4826 * np.nanmedian(np.abs(told[some] - middle[some, None]), axis=1)
    ceiling: Floats = middle + 3 * np.maximum(np.maximum(width, np.sqrt(middle)), 1.0)
    return ceiling


def _weekday_factors(clipped: Floats, known: npt.NDArray[np.bool_], days: npt.NDArray[np.int64]) -> Floats:
    mean = clipped.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    prior = mean + _PRIOR
    factors = np.ones((len(clipped), 7))
    for weekday in range(7):
        on = days == weekday
        expected = known[:, on].sum(axis=1) * mean + prior
        factors[:, weekday] = (clipped[:, on].sum(axis=1) + prior) / expected
    return factors


def _spread(told: Floats, mean: Floats) -> Floats:
    residuals = np.sort((told - mean) ** 2 / mean, axis=1)  # NaN comes last
    n = np.sum(~np.isnan(residuals), axis=1)
    kept = np.ceil(n * 0.95).astype(int)
    inside = np.arange(residuals.shape[1])[None, :] < kept[:, None]
    found = np.where(inside, np.nan_to_num(residuals), 0.0).sum(axis=1) / np.maximum(kept, 1)
    spread: Floats = np.maximum(1.0, 1.25 * found)
    return spread


def _second_highest(told: Floats) -> Floats:
    if told.shape[1] < 2:
        return np.zeros(len(told))
    ordered = np.sort(np.nan_to_num(told), axis=1)
    second: Floats = ordered[:, -2]
    return second
