"""Alarms: raised from real events, kept once, muted, judged, and shown to the state's team alone."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.utils import timezone, translation
from tests.world import World

from atalaya.apps.events.models import Ingest
from atalaya.apps.events.tables import event_table
from atalaya.apps.records.models import Record
from atalaya.apps.registry.models import Network
from atalaya.apps.registry.queries import networks
from atalaya.apps.warning import actions, jobs, queries, words
from atalaya.apps.warning.models import Alarm, Look, Mute
from atalaya.core.analysis import cells
from atalaya.core.feeds import Mapped
from atalaya.core.pipeline.run import run

EMPTY = pl.DataFrame(schema={"row": pl.Int64, "field": pl.String, "reason": pl.String, "raw": pl.String})


def event(days_ago: int, address: str, malware: str = "mirai", port: int = 23) -> dict[str, Any]:
    midnight = datetime.combine(timezone.now().astimezone(UTC).date(), datetime.min.time(), UTC)
    return {
        "time_source": midnight - timedelta(days=days_ago) + timedelta(minutes=9), "source_ip": address,
        "classification_taxonomy": "malicious-code", "classification_type": "infected-system",
        "classification_identifier": malware, "malware_name": malware, "feed_code": "shadowserver-event4-sinkhole",
        "feed_provider": "Shadowserver", "severity": "high", "source_port": 40000 + days_ago, "destination_port": port,
    }  # fmt: skip


def quiet(days: int = 96) -> list[dict[str, Any]]:
    """Three infected machines, every day."""
    return [event(ago, f"192.0.2.{host}") for ago in range(1, days) for host in (1, 2, 3)]


def store(rows: Iterable[dict[str, Any]], name: str, state: str = "TT") -> None:
    """Events into the table, and their file into the database, as if it had come in just now."""
    frame = pl.DataFrame(list(rows)).with_columns(
        pl.col("time_source").cast(pl.Datetime("us", "UTC")), raw_row=pl.int_range(pl.len(), dtype=pl.Int64)
    )
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    now = timezone.now()
    run([Mapped(frame, EMPTY, frame.height)], store=event_table(), sha256=sha256, state=state, networks=networks(state), observed_at=now)  # fmt: skip
    Ingest.objects.create(state_id=state, sha256=sha256, name=name, size=1, channel="drop", status="done", finished_at=now)  # fmt: skip


@pytest.fixture
def watched(world: World, tmp_path: Path, settings: Any) -> World:
    """A quiet quarter of a year in the first state."""
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data=tmp_path)
    Network.objects.create(organisation=world.port, kind="prefix", value="192.0.2.0/24")
    Network.objects.create(organisation=world.bank, kind="prefix", value="198.51.100.0/24")
    store(quiet(), "quiet")
    return world


def new_malware(world: World) -> Alarm:
    store([event(1, "192.0.2.9", "quetzalbot", 80)], "new")
    assert actions.look("TT") == 1
    return Alarm.objects.get()


def test_it_raises_nothing_in_a_quiet_state(watched: World) -> None:
    assert actions.look("TT") == 0
    assert not Alarm.objects.exists() and Look.objects.get().at is not None


def test_it_raises_an_alarm_once(watched: World) -> None:
    alarm = new_malware(watched)
    assert (alarm.kind, alarm.dimension, alarm.subject) == ("new", "malware", "quetzalbot")
    assert actions.look("TT") == 0 and Alarm.objects.count() == 1
    assert Record.objects.filter(verb="warning.alarms.raised").count() == 1
    store([event(0, "192.0.2.9", "quetzalbot", 80)], "again")
    assert actions.look("TT") == 0
    later = Alarm.objects.get()
    assert later.pk == alarm.pk and later.last_day > alarm.last_day


def test_it_looks_only_after_something_came(watched: World) -> None:
    jobs.look()
    at = Look.objects.get().at
    jobs.look()
    assert Look.objects.get().at == at
    store([event(1, "192.0.2.9", "quetzalbot", 80)], "new")
    jobs.look()
    assert Look.objects.get().at != at and Alarm.objects.count() == 1


def test_it_counts_findings_of_a_day_once(watched: World) -> None:
    store([{**event(1, "192.0.2.1"), "source_port": 1000 + n} for n in range(50)], "noisy")
    assert actions.look("TT") == 0, "one machine that calls fifty times is one finding"
    today = timezone.now().astimezone(UTC).date()
    counted, peaks = cells.of_table(event_table(), "TT", today - timedelta(days=3), today)
    assert counted.filter(pl.col("day") == today - timedelta(days=1))["count"].sum() == 3
    assert set(peaks["count"]) == {3} and set(counted["port"]) == {"23"}
    assert cells.of_table(event_table(), "BB", today - timedelta(days=3), today)[0].is_empty()


def test_it_raises_nothing_that_is_muted(watched: World) -> None:
    alarm = new_malware(watched)
    actions.mute(alarm, by=watched.handler, days=30, whole=True, reason="We know.")
    alarm.refresh_from_db()
    assert alarm.muted_until and alarm.seen_by == watched.handler
    store([event(1, "192.0.2.10", "otherbot", 81)], "other")
    actions.look("TT")
    assert Alarm.objects.filter(subject="otherbot", muted_until__gte=timezone.localdate()).exists()
    assert not queries.visible_to(watched.lead).filter(queries.unmuted()).exists()
    actions.unmute(Mute.objects.get(), by=watched.handler)
    assert queries.visible_to(watched.lead).filter(queries.unmuted()).count() == 2


def test_it_measures_what_people_say(watched: World) -> None:
    alarm = new_malware(watched)
    client = watched.client(watched.handler)
    assert client.post(f"/warning/{alarm.pk}/judge/", {"word": "noise", "note": "A test."}).status_code == 302
    found = queries.measured(watched.reader)
    assert (found.raised, found.useful, found.noise, found.noise_share) == (1, 0, 1, 100)
    assert Record.objects.filter(verb="warning.alarm.judged").exists()
    assert "100 % were noise" in client.get("/warning/").content.decode()


def test_it_shows_picture_reason_and_way_to_the_events(watched: World) -> None:
    alarm = new_malware(watched)
    page = watched.client(watched.reader).get(f"/warning/{alarm.pk}/").content.decode()
    assert "quetzalbot" in page and "<svg" in page and "Port Authority" in page
    assert "/events/?malware=quetzalbot" in page and "not seen in the" in page
    assert "/judge/" not in page, "a reader decides nothing"
    assert "/mute/" in watched.client(watched.handler).get(f"/warning/{alarm.pk}/").content.decode()


@pytest.mark.parametrize("language", ["en", "es", "fr", "pt-br"])
def test_it_says_every_kind_of_reason_in_every_language(world: World, language: str) -> None:
    days = {
        "first": "2026-11-20",
        "counts": [1.0, 9.0],
        "low": [0, 0],
        "middle": [1, 1],
        "high": [2, 2],
        "known": True,
    }
    given: dict[str, Any] = {
        "state": world.state, "observed": 9.0, "expected": 1.25, "chance": 1e-4, "score": 4.0, "picture": days,
        "first_day": datetime(2026, 11, 21).date(), "last_day": datetime(2026, 11, 21).date(),
    }  # fmt: skip
    with translation.override(language):
        for kind in ("above", "burst", "new", "campaign"):
            said = words.reason(
                Alarm(kind=kind, dimension="port", subject="23", facts={"watched": 80}, **given)
            )
            assert len(said) == 2 and all("%" not in one for one in said)
            assert "9" in " ".join(said) and words.what(kind, "port")
        gone = Alarm(kind="new", dimension="port", subject="23", facts={"before": "2026-01-02"}, **given)
        assert "2026-01-02" in words.reason(gone)[0]


@pytest.mark.parametrize("who", ["member", "other_member", "foreign_member"])
def test_it_shows_members_of_organisations_nothing(watched: World, who: str) -> None:
    alarm = new_malware(watched)
    client = watched.client(getattr(watched, who))
    for path in ("", "trends/", "muted/", f"{alarm.pk}/"):
        assert client.get(f"/warning/{path}").status_code == 403


def test_it_shows_the_other_state_nothing(watched: World) -> None:
    alarm = new_malware(watched)
    client = watched.client(watched.foreign_handler)
    assert client.get(f"/warning/{alarm.pk}/").status_code == 404
    assert "quetzalbot" not in client.get("/warning/").content.decode()
    assert "mirai" not in client.get("/warning/trends/?by=malware").content.decode()
    for what in ("seen", "judge", "mute"):
        assert client.post(f"/warning/{alarm.pk}/{what}/", {"word": "noise"}).status_code == 404
    assert watched.stranger.get("/warning/").status_code == 302


def test_it_draws_trends_of_every_dimension(watched: World) -> None:
    client = watched.client(watched.reader)
    for by, value in (("class", "Infected system"), ("organisation", "Port Authority"), ("sector", "transport"), ("malware", "mirai"), ("port", "23"), ("nothing", "Infected system")):  # fmt: skip
        page = client.get(f"/warning/trends/?by={by}").content.decode()
        assert value in page and 'class="band"' in page, by
    assert "Nothing to compare yet" in watched.client(watched.foreign_handler).get("/warning/trends/").content.decode()  # fmt: skip


def test_it_mutes_and_hears_again_by_its_pages(watched: World) -> None:
    alarm = new_malware(watched)
    client = watched.client(watched.handler)
    assert client.post(f"/warning/{alarm.pk}/mute/", {"scope": "subject", "days": "7"}).status_code == 302
    assert not Mute.objects.exists(), "no reason was given"
    client.post(f"/warning/{alarm.pk}/mute/", {"scope": "subject", "days": "7", "reason": "Known."})
    made = Mute.objects.get()
    assert "quetzalbot" in client.get("/warning/muted/").content.decode()
    assert "quetzalbot" not in client.get("/warning/").content.decode()
    assert "quetzalbot" in client.get("/warning/?status=muted").content.decode()
    client.post(f"/warning/muted/{made.pk}/end/")
    assert not Mute.objects.exists() and "quetzalbot" in client.get("/warning/").content.decode()
