"""The picture and the wall: true sums for the state's team, nothing for anybody else."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from tests.browser import sample
from tests.world import World

from atalaya.apps.desk import picture
from atalaya.apps.desk.queries import Sight
from atalaya.apps.desk.views_picture import WALL
from atalaya.apps.events.models import Finding, Mark
from atalaya.apps.notices.models import Notice


@pytest.fixture
def country(world: World, tmp_path: Path, settings: Any) -> World:
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data=tmp_path)
    sample.build(world, findings=200)
    return world


def finding(world: World, key: int, **values: Any) -> Finding:
    now = timezone.now()
    given = {
        "state": "TT", "organisation": world.port, "feed": "x", "taxonomy": "vulnerable", "type": "vulnerable-system",
        "first_seen": now - timedelta(days=9), "last_seen": now, "changed_at": now, "status": "gone",
    }  # fmt: skip
    return Finding.objects.create(key=key, **{**given, **values})


def told(world: World, at: Any, *keys: int) -> Notice:
    made = Notice.objects.create(
        state=world.state, organisation=world.port, recipient="a@port.example", language="en", type="vulnerable-system",
        window_start=at, window_end=at, send_after=at, status="sent", sent_at=at, reply_token=f"t-{keys[0]}-{at:%d}", message_sha256="a" * 64, message_id=f"<{keys[0]}-{at:%d}@x>",
    )  # fmt: skip
    for key in keys:
        made.items.create(finding_key=key)
    return made


def test_it_measures_what_notices_brought_about(world: World) -> None:
    now = timezone.now()
    finding(world, 1, last_seen=now - timedelta(days=2))
    finding(world, 2, status="solved", last_seen=now - timedelta(days=6))
    finding(world, 3, last_seen=now - timedelta(days=8))  # not seen any more before anybody was told
    finding(world, 4, status="open")
    Mark.objects.create(finding_id=2, state=world.state, organisation=world.port, kind="solved", by_name="M", before="open", changed_before=now)  # fmt: skip
    told(world, now - timedelta(days=6), 1, 2, 3, 4)
    told(world, now - timedelta(days=1), 1, 4)
    months = picture.effect(Sight(world.lead), timezone.localdate())
    assert len(months) == picture.MONTHS and months[-1].first == timezone.localdate().replace(day=1)
    last = months[-1]
    assert (last.gone, last.solved) == (2, 1)
    assert last.days == pytest.approx((4 + 6) / 2, abs=0.01)
    assert sum(one.notices for one in months) == 2
    assert sum(one.answered for one in months) == 1


def test_it_counts_open_findings_by_sector(world: World) -> None:
    finding(world, 1, status="open")
    finding(world, 2, status="back")
    finding(world, 3, status="gone")
    finding(world, 4, status="open", organisation=world.bank)
    assert picture.by_sector(Sight(world.reader)) == [("transport", 2), ("finance", 1)]
    assert picture.by_sector(Sight(world.foreign_handler)) == []


def test_it_shows_each_feed_by_day_the_silent_ones_first(country: World) -> None:
    rows = picture.feeds(Sight(country.reader), timezone.localdate())
    assert rows and all(len(one.rows) == picture.FEED_DAYS for one in rows)
    assert [one.last.date() for one in rows] == sorted(one.last.date() for one in rows)
    assert picture.feeds(Sight(country.foreign_handler), timezone.localdate()) == []


def test_it_draws_the_picture(country: World) -> None:
    page = country.client(country.reader).get("/picture/").content.decode()
    for words in (
        "Map of the region",
        "what became of the findings",
        "by sector",
        "health",
        'class="chart map"',
    ):
        assert words in page


@pytest.mark.parametrize("number", range(1, len(WALL) + 1))
def test_it_turns_the_pages_of_the_wall(country: World, number: int) -> None:
    answer = country.client(country.reader).get(f"/wall/?page={number}")
    page = answer.content.decode()
    assert answer.status_code == 200 and f"url=/wall/?page={number % len(WALL) + 1}" in page
    assert "192.0.2." not in page and "@" not in page.split("</head>")[1], "sums alone"


@pytest.mark.parametrize("query", ["", "?page=0", "?page=999", "?page=x", "?page=-1", "?page=" + "9" * 30])
def test_it_takes_any_page_number(country: World, query: str) -> None:
    assert country.client(country.reader).get(f"/wall/{query}").status_code == 200


@pytest.mark.parametrize("who", ["member", "other_member", "foreign_member"])
def test_it_is_for_the_team(world: World, who: str) -> None:
    for path in ("/picture/", "/wall/"):
        assert world.client(getattr(world, who)).get(path).status_code == 403
        assert world.stranger.get(path).status_code == 302
