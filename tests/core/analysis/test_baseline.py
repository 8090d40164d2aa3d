"""The usual day: level, weekday, spread."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atalaya.core.analysis.baseline import LEAST_DAYS, usual
from atalaya.core.analysis.tail import Floats

DAYS = 56
WEEKDAYS = np.arange(DAYS + 1) % 7


def of(counts: list[float] | Floats, known: list[bool] | None = None) -> tuple[float, float, bool]:
    values = np.array([counts], float)
    told = np.ones_like(values, dtype=bool) if known is None else np.array([known])
    found = usual(values, told, np.arange(values.shape[1] + 1) % 7)
    return float(found.mean[0]), float(found.variance[0]), bool(found.known[0])


def test_it_takes_the_level_of_steady_counts() -> None:
    mean, variance, known = of([20.0] * DAYS)
    assert known and mean == pytest.approx(20, abs=0.1)
    assert variance == pytest.approx(mean * (1 + 1 / 28) + (mean / 10) ** 2), "a spread of at least Poisson's"


def test_it_learns_the_weekday() -> None:
    counts = np.where(WEEKDAYS[:DAYS] >= 5, 40.0, 200.0)
    asked = [usual(counts[None, n : n + 49], np.ones((1, 49), bool), (np.arange(50) + n) % 7).mean[0] for n in range(7)]  # fmt: skip
    assert max(asked[5:]) < 80 < 170 < min(asked[:5])


def test_it_sees_no_weekdays_in_a_handful_of_counts() -> None:
    dice = np.random.default_rng(1)
    counts = dice.poisson(0.4, (1, DAYS)).astype(float)
    means = [usual(counts, np.ones_like(counts, bool), np.roll(WEEKDAYS, -n)).mean[0] for n in range(7)]
    assert max(means) < 1.5 * min(means)


def test_it_does_not_learn_an_outbreak() -> None:
    mean, _, _ = of([10.0] * 40 + [300.0] * 4 + [10.0] * 12)
    assert mean < 14


def test_it_learns_a_new_level_in_a_month() -> None:
    assert of([10.0] * 28 + [40.0] * 28)[0] > 30


def test_it_takes_silence_for_no_zero() -> None:
    with_silence = of([12.0] * 30 + [0.0] * 10 + [12.0] * 16, [True] * 30 + [False] * 10 + [True] * 16)
    assert with_silence[0] == pytest.approx(12, abs=0.1)


def test_it_says_so_when_it_cannot_know() -> None:
    assert not of([5.0] * DAYS, [True] * (LEAST_DAYS - 1) + [False] * (DAYS - LEAST_DAYS + 1))[2]
    assert not of([5.0] * (LEAST_DAYS - 1))[2]


@settings(max_examples=60)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 5.0, 400.0]), st.floats(0, 1))
def test_it_has_a_mean_and_a_wider_variance_for_any_counts(
    rows: int, seed: int, level: float, told: float
) -> None:
    dice = np.random.default_rng(seed)
    counts = dice.poisson(dice.gamma(1, level + 1e-9, (rows, 20))).astype(float)
    known = dice.random((rows, 20)) < told
    found = usual(counts, known, np.arange(21) % 7)
    assert np.isfinite(found.mean).all() and (found.mean >= 0).all()
    assert (found.variance >= found.mean).all() and (found.highest <= counts.max(axis=1)).all()
    low, high = found.band()
    assert (low <= found.mean).all() and (found.mean <= high).all()
    alone = usual(counts[:1], known[:1], np.arange(21) % 7)
    assert alone.mean[0] == pytest.approx(found.mean[0]), "a series does not depend on those beside it"
