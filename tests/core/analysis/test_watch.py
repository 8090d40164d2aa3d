"""The look-out: what it tells, and what it keeps still about."""

from __future__ import annotations

import polars as pl
import pytest
from tests.core.analysis.country import cells, day, quiet, row, seen

from atalaya.core.analysis import history
from atalaya.core.analysis.cells import PEAKS
from atalaya.core.analysis.signals import Signal
from atalaya.core.analysis.watch import MOST_A_DAY, Seen, watch

LAST = 95


def told(rows: list[dict[str, object]], last: int = LAST, **given: object) -> list[tuple[str, str, str]]:
    return [(one.kind, *one.subject) for one in watch(seen(rows, last), **given)]  # type: ignore[arg-type]


def test_it_says_nothing_of_quiet_days() -> None:
    assert told(quiet(LAST)) == []
    assert Seen.of(cells([]), pl.DataFrame(schema=PEAKS), day(3), {}) is None


def test_it_tells_what_is_above_the_usual_once() -> None:
    rows = [*quiet(LAST), row(LAST, 30, malware="mirai", identifier="mirai", organisation="org-0")]
    found = watch(seen(rows, LAST))
    assert len(found) == 1, "class, organisation, sector, feed and malware are one thing"
    assert found[0].kind == "above" and found[0].observed == 34
    assert found[0].expected == pytest.approx(4, abs=0.5) and found[0].chance < 1e-9


def test_it_keeps_still_about_a_little_more() -> None:
    assert told([*quiet(LAST), row(LAST, 4, malware="mirai", identifier="mirai", organisation="org-0")]) == []


def test_it_tells_new_malware() -> None:
    rows = [*quiet(LAST), row(LAST, 1, malware="qakbot", organisation="org-0")]
    assert told(rows) == [("new", "malware", "qakbot")]
    known_before = [*rows, row(LAST - 20, 1, malware="qakbot", organisation="org-0")]
    assert told(known_before) == []
    long_gone = [*rows, row(LAST - 70, 1, malware="qakbot", organisation="org-0")]
    (signal,) = watch(seen(long_gone, LAST))
    assert signal.facts["before"] == day(LAST - 70).isoformat()


def test_it_calls_nothing_new_where_new_things_come_every_week() -> None:
    weekly = [row(n, 1, malware=f"family-{n}", organisation="org-0") for n in range(2, LAST, 6)]
    assert told([*quiet(LAST), *weekly, row(LAST, 1, malware="one-more", organisation="org-0")]) == []
    large = row(LAST, 9, malware="one-more", organisation="org-0")
    assert ("new", "malware", "one-more") in told([*quiet(LAST), *weekly, large])


def test_it_calls_nothing_new_in_its_first_month() -> None:
    assert told([*quiet(25), row(25, 3, malware="qakbot", organisation="org-0")], last=25) == []


def test_it_calls_nothing_new_that_a_new_feed_shows() -> None:
    new_feed = [row(n, 5, feed="other", provider="other", kind="scanner", port=str(n % 9), organisation="org-2") for n in range(LAST - 5, LAST + 1)]  # fmt: skip
    assert told([*quiet(LAST), *new_feed]) == []


def test_it_knows_a_new_feed_of_an_old_provider() -> None:
    """A provider that has nothing to report of a kind sends no file of it."""
    rows = [row(n, 2, feed="scan-mail", kind="vulnerable-system", identifier="open-mail", organisation="org-2") for n in range(60, LAST + 1)]  # fmt: skip
    assert told([*quiet(60), *rows[:1]], last=60) == [("new", "identifier", "open-mail")]
    assert told([*quiet(LAST), *rows]) == [], "and it is not new again some weeks later"
    foreign = [{**one, "provider": "other"} for one in rows]
    for last in (60, 81, LAST):
        assert told([*quiet(last), *foreign[: last - 59]], last=last) == []


def test_it_tells_a_campaign_and_not_its_parts() -> None:
    spread = [row(LAST - 1 + n % 2, 1, malware="gozi", identifier="gozi", organisation=f"org-{2 + n}") for n in range(5)]  # fmt: skip
    once = row(50, 1, malware="gozi", identifier="gozi", organisation="org-8")
    found = watch(seen([*quiet(LAST), once, *spread], LAST))
    assert [(one.kind, one.value) for one in found] == [("campaign", "gozi")]
    assert found[0].observed == 5 and set(found[0].facts["organisations"]) == {
        f"org-{n}" for n in range(2, 7)
    }


def test_it_knows_no_campaign_of_what_spreads_all_the_time() -> None:
    usual = [row(n, 1, identifier="open-rdp", feed="scan", kind="vulnerable-system", organisation=f"org-{n % 9}-{n // 9}") for n in range(LAST + 1)]  # fmt: skip
    assert told([*quiet(LAST), *usual]) == []


def test_it_tells_a_burst_within_an_hour() -> None:
    peaks = pl.DataFrame(
        [{"day": day(n), "dimension": "class", "value": "vulnerable-system", "count": 14 if n == LAST else 1} for n in range(LAST + 1)],
        schema=PEAKS,
    )  # fmt: skip
    rows = [*quiet(LAST), *(row(n, 12, kind="vulnerable-system", feed="scan", organisation=f"org-{n % 3}") for n in range(LAST + 1))]  # fmt: skip
    found = watch(seen(rows, LAST, peaks))
    assert [(one.kind, one.value, one.observed) for one in found] == [("burst", "vulnerable-system", 14)]


def test_it_makes_no_alarm_of_a_feed_that_was_silent() -> None:
    rows = [
        one for one in quiet(LAST) if one["feed"] != "sinkhole" or not 80 <= (one["day"] - day(0)).days < 90
    ]
    assert told(rows) == [], "the days without a file are no quiet days"
    at_once = row(90, 30, malware="mirai", identifier="mirai", organisation="org-0")
    assert told([*rows, at_once], last=90) == [], "ten days handed in as one"
    assert told([*quiet(90), at_once], last=90) != []


def test_it_finds_what_came_late() -> None:
    rows = [*quiet(LAST), row(LAST - 5, 30, malware="mirai", identifier="mirai", organisation="org-0")]
    (signal,) = watch(seen(rows, LAST))
    assert (signal.first, signal.last) == (day(LAST - 5), day(LAST - 5))


def test_it_goes_on_with_what_it_told_before() -> None:
    rows = [*quiet(LAST), *(row(n, 30, malware="mirai", identifier="mirai", organisation="org-0") for n in range(LAST - 3, LAST + 1))]  # fmt: skip
    first = watch(seen(rows, LAST - 2))
    (later,) = watch(seen(rows, LAST), standing=first)
    assert later.continues(first[0]) and later.subject == first[0].subject
    assert (later.first, later.last) == (day(LAST - 3), day(LAST))
    assert watch(seen(rows, LAST), standing=[later]) == [], "looking twice changes nothing"


def test_it_does_not_flood_when_a_feed_renames_all_it_knows() -> None:
    renamed = [row(LAST, 1, identifier=f"new-{n}", kind="other", feed="scan", organisation="org-1") for n in range(40)]  # fmt: skip
    found = told([*quiet(LAST), *renamed])
    assert 0 < len([one for one in found if one[:2] == ("new", "identifier")]) <= MOST_A_DAY


def test_it_keeps_the_days_and_parts_of_a_signal() -> None:
    rows = [*quiet(LAST), row(LAST, 30, malware="mirai", identifier="mirai", organisation="org-3")]
    all_seen = seen(rows, LAST)
    (signal,) = watch(all_seen)
    shown = history.of_signal(all_seen, signal)
    assert shown.days[-1] == day(LAST) and len(shown.days) == history.SHOWN_DAYS
    assert shown.counts[-1] == signal.observed and shown.counts[-2] <= shown.high[-2]
    assert shown.known and shown.more
    parts = history.parts(all_seen, signal)
    assert signal.dimension not in parts and parts["class"] == [("infected-system", int(signal.observed))]


def test_it_continues_only_the_same_thing_in_near_days() -> None:
    one = Signal("new", "port", "23", day(10), day(12), 1, 0, 0.01)
    for changes, same in (
        ({"first": day(14), "last": day(15)}, True), ({"first": day(16), "last": day(17)}, False),
        ({"value": "22"}, False), ({"kind": "above"}, False), ({"first": day(5), "last": day(8)}, True),
    ):  # fmt: skip
        other = Signal(**{**{f: getattr(one, f) for f in ("kind", "dimension", "value", "first", "last", "observed", "expected", "chance")}, **changes})  # type: ignore[arg-type]  # fmt: skip
        assert other.continues(one) is same
