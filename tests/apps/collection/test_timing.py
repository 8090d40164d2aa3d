"""When a source is asked next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from atalaya.apps.collection import timing, usual

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
periods = st.timedeltas(timedelta(minutes=5), timedelta(days=14))
dice = st.floats(0, 1).map(lambda share: lambda low, high: low + share * (high - low))


@given(periods, dice)
def test_it_keeps_step_with_some_jitter(every: timedelta, dice: timing.Dice) -> None:
    following = timing.following(NOW - timedelta(seconds=20), NOW, every, dice)
    assert abs(following - NOW - every) <= min(every / 10, timing.MOST_JITTER) + timedelta(seconds=20)


@given(periods, st.timedeltas(timedelta(0), timedelta(days=30)), dice)
def test_it_does_not_make_up_for_missed_times(every: timedelta, late: timedelta, dice: timing.Dice) -> None:
    following = timing.following(NOW - late, NOW, every, dice)
    assert NOW <= following <= NOW + every + timing.MOST_JITTER


@given(periods, st.integers(1, 500), st.floats(0, 86400), dice)
def test_it_backs_off_with_a_cap(every: timedelta, failures: int, asked: float, dice: timing.Dice) -> None:
    pause = timing.again(NOW, every, failures, asked, dice) - NOW
    cap = max(1.25 * min(every, timing.LONGEST_PAUSE), timedelta(seconds=asked))
    assert timedelta(seconds=max(45, asked)) - timedelta(milliseconds=1) <= pause
    assert pause <= cap + timedelta(milliseconds=1)


def test_it_doubles_the_pause() -> None:
    def middle(low: float, high: float) -> float:
        return (low + high) / 2

    pauses = [timing.again(NOW, timedelta(hours=1), n, 0, middle) - NOW for n in (1, 2, 3, 7, 30)]
    assert [pause.total_seconds() / 60 for pause in pauses] == [1, 2, 4, 60, 60]


def test_it_knows_the_usual_only_after_some_fetches() -> None:
    assert usual.of([]).last is None
    assert usual.of([5, 10, 10, 10]).middle is None
    few, much, normal = (
        usual.of([4, 10, 9, 11, 10]),
        usual.of([40, 10, 9, 11, 10]),
        usual.of([7, 10, 9, 11, 10]),
    )
    assert (few.middle, few.verdict) == (10, "less")
    assert (much.verdict, normal.verdict) == ("more", "")
