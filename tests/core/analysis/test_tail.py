"""Tails and believed tests, against sums that are written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atalaya.core.analysis.tail import accepted, upper_tail


def poisson_tail(count: int, mean: float) -> float:
    return 1 - sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(count))


@pytest.mark.parametrize(("count", "mean"), [(1, 0.3), (5, 2.0), (12, 4.5), (3, 7.0), (0, 2.0)])
def test_it_is_the_poisson_tail_without_overdispersion(count: int, mean: float) -> None:
    assert upper_tail(count, mean, mean) == pytest.approx(poisson_tail(count, mean), rel=1e-9)


def test_it_is_the_geometric_tail_for_a_size_of_one() -> None:
    # mean 3, variance 12: r = 9/9 = 1, p = 1/4; P(Y >= k) = (3/4)**k.
    for count in (1, 4, 20, 200):
        assert upper_tail(count, 3, 12) == pytest.approx(0.75**count, rel=1e-9)


def test_it_tells_very_small_chances_apart() -> None:
    assert 0 < upper_tail(150, 5, 5) < upper_tail(120, 5, 5) < 1e-100


@given(st.integers(0, 400), st.floats(0.01, 300), st.floats(1, 20))
def test_it_is_a_chance_and_falls_with_the_count(count: int, mean: float, spread: float) -> None:
    here, further = upper_tail(count, mean, mean * spread), upper_tail(count + 1, mean, mean * spread)
    assert 0 <= further <= here * (1 + 1e-9) <= 1 + 1e-9


def test_it_knows_the_ends() -> None:
    assert upper_tail(0, 5, 5) == 1 and upper_tail(3, 0, 0) == 0
    with pytest.raises(ValueError, match="negative"):
        upper_tail(1, -1, 1)


def test_it_believes_what_benjamini_and_hochberg_believe() -> None:
    # The example of the paper's section 3.2, fifteen tests at 0.05: the first four are rejected.
    chances = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]  # fmt: skip
    assert list(np.flatnonzero(accepted(np.array(chances), 0.05))) == [0, 1, 2, 3]
    assert not accepted(np.array([]), 0.05).any()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0.001, 0.2))
def test_it_believes_the_smallest_first(chances: list[float], rate: float) -> None:
    values = np.array(chances)
    found = accepted(values, rate)
    if found.any():
        assert values[found].max() <= rate
        assert found[values < values[found].max()].all()
    assert found.sum() >= (values <= rate / len(values)).sum()
