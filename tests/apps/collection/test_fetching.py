"""A source is fetched by itself: what comes is kept once, what fails is seen, and a killed process loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from tests.apps.collection.conftest import events
from tests.waiting import eventually
from tests.wire.webserver import Site
from tests.workers import at_work
from tests.world import World

from atalaya.apps.collection import actions, gathering, queries
from atalaya.apps.collection.models import Fetched, Run, Source
from atalaya.apps.events import actions as ingests
from atalaya.apps.events.models import Ingest
from atalaya.apps.jobs import worker
from atalaya.apps.jobs.models import Job
from atalaya.apps.records.models import Record
from atalaya.core.errors import BadInput, Temporary

pytestmark = pytest.mark.django_db

Make = Callable[..., Source]
PORT = 3389


def run(source: Source) -> Run:
    found = actions.fetch(source.pk)
    assert found is not None
    source.refresh_from_db()
    return found


def test_it_fetches_what_is_due_and_reads_it(site: Site, source: Make) -> None:
    site.put("/list.jsonl", events("192.0.2.1", "192.0.2.2"))
    row = source(site.url + "/list.jsonl")
    assert actions.ask_due() == 0, "a new source is asked within a minute, not at once"
    Source.objects.update(next_run_at=timezone.now())
    assert actions.ask_due() == 1
    assert actions.ask_due() == 0, "it is asked once"
    worker.run_all()
    row.refresh_from_db()
    found = Run.objects.get()
    assert (found.result, found.files, found.rows, found.bytes) == (
        "new",
        1,
        2,
        len(events("192.0.2.1", "192.0.2.2")),
    )
    assert (row.status, row.failures) == ("good", 0)
    assert row.next_run_at > timezone.now() + timedelta(minutes=50)
    ingest = Ingest.objects.get()
    assert (ingest.channel, ingest.feed, ingest.status, ingest.name) == (
        "source",
        "intelmq-json",
        "done",
        "list.jsonl",
    )
    assert list(gathering.folder_of(row).iterdir()) == []


def test_it_adds_nothing_when_nothing_changed(site: Site, source: Make) -> None:
    thing = site.put("/list", events("192.0.2.1"))
    row = source(site.url + "/list")
    assert run(row).result == "new"
    assert (run(row).result, site.asked[-1].headers["if-none-match"]) == ("same", thing.etag)
    thing.tagged = False
    assert run(row).result == "same", "the same bytes without a tag add nothing either"
    assert Ingest.objects.count() == 1
    site.put("/list", events("192.0.2.1", "192.0.2.3"))
    assert run(row).result == "new"
    assert Ingest.objects.count() == 2


def test_it_backs_off_and_tells_the_desk(site: Site, source: Make) -> None:
    site.put("/list", b"", status=503, headers={"Retry-After": "7200"})
    row = source(site.url + "/list")
    for status in ("new", "new", "failing", "failing"):
        found = run(row)
        assert (found.result, row.status) == ("failed", status)
        assert "503" in found.message
    assert row.next_run_at > timezone.now() + timedelta(seconds=7100)
    assert Record.objects.filter(verb="collection.source.turned").count() == 1
    site.put("/list", events("192.0.2.1"))
    run(row)
    assert (row.status, row.failures) == ("good", 0)
    assert Record.objects.filter(verb="collection.source.turned").count() == 2


def test_it_is_failing_at_once_where_trying_again_cannot_help(site: Site, source: Make) -> None:
    row = source(site.url + "/nowhere")
    assert "404" in run(row).message
    assert row.status == "failing"


def test_it_connects_to_no_private_address_that_was_not_named(
    site: Site, source: Make, settings: Any
) -> None:
    settings.CONFIG.collection.private.clear()
    site.put("/list", events("192.0.2.1"))
    row = source(site.url + "/list")
    assert "private address" in run(row).message
    assert (row.status, site.asked) == ("failing", [])


def test_it_says_when_a_source_has_fallen_silent(site: Site, source: Make) -> None:
    site.put("/list", events("192.0.2.1"))
    row = source(site.url + "/list", silent_hours=10)
    run(row)
    Source.objects.update(
        last_new_at=timezone.now() - timedelta(hours=11), created_at=timezone.now() - timedelta(days=2)
    )
    assert actions.watch() == 1
    assert actions.watch() == 0
    row.refresh_from_db()
    assert row.status == "silent"
    run(row)
    assert row.status == "silent", "it answers and brings nothing new"
    site.put("/list", events("192.0.2.2"))
    run(row)
    assert row.status == "good"


def test_it_shows_its_credentials_and_keeps_them_encrypted(site: Site, source: Make) -> None:
    site.put("/list", events("192.0.2.1"), wants={"Auth-Key": "geheim"})
    row = source(site.url + "/list", auth="header", login="Auth-Key", secret="geheim")
    assert run(row).result == "new"
    assert "geheim" not in row.sealed
    assert "geheim" not in str(list(Record.objects.values_list("detail", flat=True)))
    actions.save_source(row, by=None)
    assert gathering.secret_of(row) == "geheim", "kept when no new one is given"
    Source.objects.filter(pk=row.pk).update(sealed=row.sealed[:-8] + "AAAAAAA=")
    row.refresh_from_db()
    assert "cannot be read" in run(row).message


def test_it_puts_a_key_into_the_address_and_into_no_message(site: Site, source: Make) -> None:
    site.put("/geheim/list", events("192.0.2.1"))
    row = source(site.url + "/{key}/list", auth="address", secret="geheim")
    assert run(row).result == "new"
    site.things.clear()
    assert "geheim" not in run(row).message


def test_it_takes_a_file_once_though_the_process_died_before_it_noted_it(
    site: Site, source: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put("/list", events("192.0.2.1"))
    row = source(site.url + "/list")

    class Killed(BaseException):
        pass

    def killed(*_: object) -> bool:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(actions, "_note", killed)
        actions.fetch(row.pk)
    with pytest.raises(Temporary):
        actions.fetch(row.pk)
    Source.objects.update(held_until=timezone.now())
    assert run(row).result == "new"
    assert (Ingest.objects.count(), Fetched.objects.count()) == (1, 1)
    assert sorted(Run.objects.values_list("result", flat=True)) == ["failed", "new"]
    assert Run.objects.get(result="failed").message == actions.INTERRUPTED


def test_it_goes_on_with_a_download_in_the_next_run(site: Site, source: Make) -> None:
    body = events(*(f"192.0.2.{n}" for n in range(1, 200)))
    site.put("/list", body, breaks=[5_000, 0, 0, 0])
    row = source(site.url + "/list")
    monkeyless = run(row)
    assert (monkeyless.result, monkeyless.bytes) == ("failed", 5_000)
    again = run(row)
    assert (again.result, again.bytes) == ("new", len(body) - 5_000)


def test_it_lets_one_process_fetch_a_source(site: Site, source: Make) -> None:
    row = source(site.url + "/list")
    Source.objects.update(held_by="other", held_until=timezone.now() + timedelta(minutes=1))
    with pytest.raises(Temporary, match="Another process"):
        actions.fetch(row.pk)
    assert not Run.objects.exists()


@pytest.mark.parametrize("style", ["link", "json", "page"])
def test_it_fetches_page_by_page(site: Site, source: Make, style: str) -> None:
    rows = [{"time.source": "2026-11-20T10:00:00Z", "source.ip": f"192.0.2.{n}"} for n in range(1, 8)]

    def page(asked: Any) -> Any:
        import json

        from tests.wire.webserver import Thing

        start = int(asked.path.partition("at=")[2] or 1) - 1
        part = rows[3 * start : 3 * start + 3]
        more = 3 * start + 3 < len(rows)
        body = {"data": {"rows": part}, "next": f"/list?at={start + 2}" if more else None}
        link = {"Link": f'</other>; rel="prev", </list?at={start + 2}>; rel="next"'} if more else {}
        return Thing(json.dumps(body).encode(), headers=link)

    site.things["/list"] = page
    options = {
        "paging": style,
        "items": "data.rows",
        "next": {"page": "at", "json": "next", "link": ""}[style],
    }
    row = source(site.url + "/list", options=options)
    found = run(row)
    assert (found.result, found.files, found.message) == ("new", 3, "")
    worker.run_all()
    assert sum(Ingest.objects.values_list("rows_kept", flat=True)) == 7


def test_it_sends_no_credentials_to_the_host_of_another_page(site: Site, source: Make) -> None:
    site.put("/list", b'{"next": "http://10.1.1.1/", "rows": [{"a": 1}]}')
    row = source(site.url + "/list", options={"paging": "json", "next": "next", "items": "rows"})
    assert "another host" in run(row).message


def test_it_forgets_and_begins_anew_with_another_address(site: Site, source: Make, world: World) -> None:
    site.put("/list", events("192.0.2.1"))
    row = source(site.url + "/list")
    run(row)
    assert row.memory["etag"]
    row.address = site.url + "/other"
    actions.save_source(row, by=world.handler)
    assert (row.memory, row.status) == ({}, "new")


def test_it_pauses_and_goes_on(site: Site, source: Make, world: World) -> None:
    row = source(site.url + "/list")
    actions.set_enabled(row, by=world.handler, enabled=False)
    Source.objects.update(next_run_at=timezone.now())
    assert (actions.ask_due(), row.status) == (0, "paused")
    actions.set_enabled(row, by=world.handler, enabled=True)
    assert row.status == "new"


def test_it_asks_at_once_once(site: Site, source: Make, world: World) -> None:
    row = source(site.url + "/list")
    actions.ask_now(row, by=world.handler)
    actions.ask_now(row, by=world.handler)
    assert Job.objects.filter(name="collection.fetch").count() == 1


def test_it_refuses_a_name_that_is_taken(source: Make) -> None:
    source("http://feeds.example/")
    with pytest.raises(BadInput, match="has this name"):
        source("http://feeds.example/other")


def test_it_keeps_its_files_when_it_is_removed(site: Site, source: Make, world: World, data: Path) -> None:
    site.put("/list", events("192.0.2.1"))
    row = source(site.url + "/list")
    run(row)
    actions.remove_source(row, by=world.handler)
    assert Ingest.objects.count() == 1
    assert actions.fetch(row.pk) is None


def test_it_knows_the_usual_of_every_source_at_once(site: Site, source: Make, world: World) -> None:
    row = source(site.url + "/list")
    for rows in (10, 11, 9, 10, 2):
        Run.objects.create(source=row, result="new", rows=rows)
    other = source(site.url + "/other", name="Other")
    found = queries.usual_of([row.pk, other.pk])
    assert found[row.pk].rows == (10, 11, 9, 10, 2)
    assert found[row.pk].verdict == "less"
    assert other.pk not in found


@pytest.mark.django_db(transaction=True)
def test_it_takes_in_files_while_downloads_go_on(
    site: Site, source: Make, world: World, tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        site.put(f"/{name}", events(*["192.0.2.1"] * 3000), pause=0.2)
        actions.ask_now(source(f"{site.url}/{name}", name=name), by=world.handler)
    with at_work():
        eventually(lambda: Run.objects.filter(result="running").count() == 2, 15)
        (tmp_path / "mine").write_bytes(events("192.0.2.9"))
        mine, _ = ingests.receive(
            tmp_path / "mine", by=world.handler, state="TT", name="mine.jsonl", channel="upload", feed="intelmq-json",
        )  # fmt: skip
        eventually(lambda: Ingest.objects.get(pk=mine.pk).status == "done", 15)
        assert Run.objects.filter(result="running").count() == 2, "the downloads still go on"
        assert Ingest.objects.get(pk=mine.pk).status == "done"
    for left in threading.enumerate():  # a process that ends takes them with it
        if left.name == "collection.fetch":
            left.join(10)
    assert set(Job.objects.filter(name="collection.fetch").values_list("status", "attempts")) == {
        ("ready", 0)
    }


def test_it_shows_how_far_a_fetch_is(site: Site, source: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "HOLD_ANEW", timedelta(0))
    site.put("/list", events(*["192.0.2.1"] * 3000))
    shown: list[int] = []
    real = actions.gathering.line

    def line(progress: Callable[[int], None]) -> Any:
        def told(count: int) -> None:
            progress(count)
            shown.append(Run.objects.get(result="running").bytes)

        return real(told)

    monkeypatch.setattr(actions.gathering, "line", line)
    assert run(source(site.url + "/list")).bytes == shown[-1] > shown[0] > 0
