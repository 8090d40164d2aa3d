"""Today against the usual: plain numbers."""

from __future__ import annotations

import pytest

from atalaya.apps.desk.usual import Usual, by_class, total


def test_it_takes_the_median_and_the_tenths() -> None:
    one = Usual("x", tuple(range(1, 29)), 10)
    assert (one.middle, one.low, one.high) == (14, 4, 25)
    assert one.days == (*range(1, 29), 10)


@pytest.mark.parametrize(
    ("before", "today", "verdict"),
    [
        ([0] * 28, 3, "new"), ([0] * 28, 0, ""), ([10] * 28, 40, "more"), ([10] * 28, 14, ""), ([10] * 28, 2, ""),
        ([1] * 28, 5, ""), ([1] * 28, 6, "more"), ([1] * 27 + [90], 20, "more"), ([1] * 20 + [90] * 8, 80, ""),
    ],
)  # fmt: skip
def test_it_says_what_is_out_of_the_ordinary(before: list[int], today: int, verdict: str) -> None:
    assert Usual("x", tuple(before), today).verdict == verdict


def test_it_puts_the_unusual_first_and_leaves_out_what_never_was() -> None:
    found = by_class({"calm": [100, 100, 99], "wild": [1, 1, 50], "none": [0, 0, 0], "small": [1, 1, 1]})
    assert [one.type for one in found] == ["wild", "calm", "small"]


def test_it_adds_classes_up_day_by_day() -> None:
    every = total([Usual("a", (1, 2), 3), Usual("b", (10, 20), 30)])
    assert (every.before, every.today) == ((11, 22), 33)
    with pytest.raises(ValueError, match="no classes"):
        total([])


def test_it_says_nothing_about_no_days() -> None:
    one = Usual("x", (), 4)
    assert (one.middle, one.low, one.high) == (0, 0, 0)
