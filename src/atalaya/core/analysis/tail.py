"""How likely a count is by chance, and how many such chances may be called unusual at once."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
_TERMS = 4096
"""Terms of a tail that are added at a time."""
_LEAST = 1e-300


def upper_tail(count: float, mean: float, variance: float) -> float:
    """P(Y >= count) for a count with this mean and variance: negative binomial, Poisson where variance <= mean.

    The negative binomial of mean m and variance v has size r = m*m/(v-m) and p = m/v (Johnson, Kemp, Kotz: Univariate
    Discrete Distributions, chapter 5). Terms are added from `count` upwards, so that tails far below 1e-16 are right.
    Raises ValueError for a negative mean.
    """
    if mean < 0:
        raise ValueError("a mean count is not negative")
    start = math.ceil(count)
    if start <= 0:
        return 1.0
    if mean == 0:
        return 0.0
    r = mean * mean / (variance - mean) if variance > mean * (1 + 1e-9) else math.inf
    if start <= mean:
        return min(1.0, max(0.0, 1.0 - _sum(0, r, mean, stop=start)))
    return min(1.0, _sum(start, r, mean))


def _sum(start: int, r: float, mean: float, stop: int | None = None) -> float:
    """Sum of the probabilities from `start` on, to before `stop` or until they no longer matter."""
    term, total, at = math.exp(_log_probability(start, r, mean)), 0.0, start
    while term > _LEAST and (stop is None or at < stop):
        ratios = _ratios(np.arange(at, at + _TERMS, dtype=np.float64), r, mean)
        terms = term * np.concatenate([[1.0], np.cumprod(ratios)])
        part = terms[:-1] if stop is None else terms[: min(_TERMS, stop - at)]
        total += float(part.sum())
        if stop is None and terms[-1] < total * 1e-12:
            return total
        term, at = float(terms[-1]), at + _TERMS
    return total


def _log_probability(k: int, r: float, mean: float) -> float:
    if math.isinf(r):
        return k * math.log(mean) - mean - math.lgamma(k + 1)
    p = r / (r + mean)
    choose = math.lgamma(k + r) - math.lgamma(r) - math.lgamma(k + 1)
    return choose + r * math.log(p) + k * math.log1p(-p)


def _ratios(k: Floats, r: float, mean: float) -> Floats:
    """P(k+1) / P(k)."""
    if math.isinf(r):
        return mean / (k + 1)
    return (k + r) / (k + 1) * (mean / (r + mean))


def accepted(chances: Floats, rate: float) -> npt.NDArray[np.bool_]:
    """Which of these tests to believe so that at most `rate` of the believed ones are expected to be false.

    Benjamini and Hochberg, Controlling the false discovery rate, J. R. Stat. Soc. B 57 (1995): with the m chances
    sorted, all up to the largest k with p(k) <= k/m * rate. Where nothing is unusual at all, `rate` is also the chance
    that anything is believed.
    """
    if not len(chances):
        return np.zeros(0, dtype=np.bool_)
    order = np.argsort(chances, kind="stable")
    limits = rate * np.arange(1, len(chances) + 1) / len(chances)
    below = np.flatnonzero(chances[order] <= limits)
    found = np.zeros(len(chances), dtype=np.bool_)
    if len(below):
        found[order[: below[-1] + 1]] = True
    return found
