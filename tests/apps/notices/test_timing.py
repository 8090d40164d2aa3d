"""When a finding is told, and when a notice leaves."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest

from atalaya.apps.events.models import Finding
from atalaya.apps.notices.timing import PAUSES, Told, change_of, departure, is_grave_enough, pause_after

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)


def finding(status: str = "open", severity: int = 3, changed: datetime = NOW - 30 * DAY) -> Finding:
    return Finding(key=1, status=status, severity=severity, changed_at=changed)


@pytest.mark.parametrize(
    ("one", "told", "change"),
    [
        (finding(), None, "new"),
        (finding("back"), None, "back"),
        (finding("gone"), None, ""),
        (finding("solved"), None, ""),
        (finding(), Told(NOW - DAY, 3), ""),
        (finding(), Told(NOW - WEEK, 3), "still"),
        (finding(severity=4), Told(NOW - DAY, 3), "worse"),
        (finding(severity=2), Told(NOW - DAY, 3), ""),
        (finding("back", changed=NOW), Told(NOW - DAY, 3, NOW - 30 * DAY), "back"),
        (finding("back", changed=NOW - 2 * DAY), Told(NOW - DAY, 3, NOW - 30 * DAY), "back"),
        (finding("back", changed=NOW - 2 * DAY), Told(NOW - DAY, 3, NOW - 2 * DAY), ""),
        (finding("back", changed=NOW - 2 * DAY), Told(NOW - DAY), ""),
        (finding("back", changed=NOW), Told(NOW - DAY), "back"),
        (finding("gone"), Told(NOW - WEEK, 3), ""),
    ],
)
def test_it_tells_what_is_new_or_changed_and_repeats_after_a_while(
    one: Finding, told: Told | None, change: str
) -> None:
    assert change_of(one, told, now=NOW, repeat=WEEK) == change


@pytest.mark.parametrize(
    ("severity", "least", "told"),
    [
        (1, "low", False),
        (2, "low", True),
        (0, "low", True),
        (0, "medium", False),
        (5, "critical", True),
        (1, "info", True),
    ],
)
def test_it_leaves_out_what_is_not_grave_enough(severity: int, least: str, told: bool) -> None:
    assert is_grave_enough(severity, least) is told


def leaves(
    now: datetime, *, at_once: bool = False, last: datetime | None = None, hours: int = 24, zone: str = "UTC"
) -> datetime:
    return departure(
        now,
        at_once=at_once,
        last=last,
        digest_hour=7,
        window=timedelta(hours=hours),
        zone=zoneinfo.ZoneInfo(zone),
    )


def test_it_lets_a_digest_leave_at_the_next_digest_hour_where_the_node_is() -> None:
    assert leaves(NOW) == datetime(2026, 3, 11, 7, tzinfo=UTC)
    assert leaves(NOW.replace(hour=6)) == datetime(2026, 3, 10, 7, tzinfo=UTC)
    assert leaves(NOW, zone="America/Barbados") == datetime(2026, 3, 11, 11, tzinfo=UTC)
    assert leaves(NOW.replace(hour=3), zone="America/Barbados") == datetime(2026, 3, 10, 11, tzinfo=UTC)


def test_it_keeps_the_digest_hour_when_clocks_change() -> None:
    before = datetime(2026, 3, 7, 20, tzinfo=UTC)
    assert leaves(before, zone="America/New_York") == datetime(2026, 3, 8, 11, tzinfo=UTC)
    assert leaves(before - DAY, zone="America/New_York") == datetime(2026, 3, 7, 12, tzinfo=UTC)


def test_it_waits_a_window_after_the_digest_before() -> None:
    last = datetime(2026, 3, 10, 7, tzinfo=UTC)
    assert leaves(NOW, last=last) == datetime(2026, 3, 11, 7, tzinfo=UTC)
    assert leaves(NOW, last=last, hours=168) == datetime(2026, 3, 17, 7, tzinfo=UTC)
    assert leaves(NOW, last=last - 30 * DAY) == datetime(2026, 3, 11, 7, tzinfo=UTC)


def test_it_tells_critical_organisations_at_once_but_gathers_what_follows_closely() -> None:
    assert leaves(NOW, at_once=True) == NOW
    assert leaves(NOW, at_once=True, last=NOW - DAY) == NOW
    assert leaves(NOW, at_once=True, last=NOW - timedelta(minutes=10)) == NOW + timedelta(minutes=50)


def test_it_tries_for_days_with_growing_pauses() -> None:
    assert [pause_after(n) for n in range(1, 11)] == list(PAUSES)
    assert list(PAUSES) == sorted(PAUSES)
    assert sum(PAUSES, timedelta()) > 3 * DAY
    assert pause_after(11) is None
