"""The disk is full in the middle of a feed file: nothing is lost, nothing half-written stays, and it goes on by itself."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from tests.apps.events.conftest import jsonl, line
from tests.full_disk import full_disk, grow
from tests.world import World

from atalaya.apps.events import actions, raw
from atalaya.apps.events.models import Finding, Ingest
from atalaya.apps.events.queries import event_table
from atalaya.apps.jobs.models import Job
from atalaya.apps.jobs.worker import run_all
from atalaya.core.errors import NoRoom
from atalaya.site.commands.ingest import take_in

LINES = 20_000


@pytest.fixture
def small(owned: World, data: Path, tmp_path: Path, settings: Any) -> Iterator[Path]:
    """A folder with room for few events, in which the event table is."""
    with full_disk(tmp_path / "small", mib=1) as folder:
        pipeline = dataclasses.replace(settings.CONFIG.pipeline, events_folder=str(folder / "events"))
        settings.CONFIG = dataclasses.replace(settings.CONFIG, pipeline=pipeline)
        event_table().manifest()
        yield folder


def body() -> bytes:
    """More events than there is room for: with much that does not pack."""
    return jsonl(
        line(f"192.0.2.{n % 250}", port=n % 60_000, **{"event_description.text": os.urandom(60).hex()})
        for n in range(LINES)
    )


def parts(folder: Path) -> list[Path]:
    return list(folder.rglob("*.parquet"))


def test_a_file_waits_for_room_and_is_then_taken_in(small: Path) -> None:
    row, _ = actions.receive(body(), by=None, state="TT", name="events.jsonl", channel="upload")
    for _ in range(7):
        run_all()
        job = Job.objects.get(name="events.process")
        assert (job.status, job.attempts) == (Job.Status.READY, 0)
        assert "no room left" in job.error and "Traceback" not in job.error
        assert parts(small) == [], "half a file would keep the disk full"
        Job.objects.update(run_after=timezone.now())
    grow(small, mib=64)
    run_all()
    row.refresh_from_db()
    assert (row.status, row.rows_kept, row.rows_read) == (Ingest.Status.DONE, LINES, LINES)
    assert Finding.objects.count() > 200


def test_the_command_says_what_to_do(small: Path, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(body())
    told = take_in(path, "")
    assert told["status"] == "failed"
    assert told["message"].startswith("There is no room left on the disk. Free some")


def test_a_file_that_cannot_even_be_kept_is_refused_in_words(owned: World, data: Path) -> None:
    with full_disk(data / "raw", mib=1) as folder, pytest.raises(NoRoom):
        actions.receive(os.urandom(2 << 20), by=None, state="TT", name="x.bin", channel="upload")
    assert list(folder.iterdir()) == []
    assert not Ingest.objects.exists()


def test_an_original_that_cannot_be_packed_stays_plain_until_it_can(owned: World, data: Path) -> None:
    with full_disk(data / "raw", mib=3) as folder:
        text = "event_description.text"
        content = jsonl(line(f"192.0.2.{n}", **{text: os.urandom(30_000).hex()}) for n in range(40))
        row, _ = actions.receive(
            content, by=None, state="TT", name="events.jsonl", channel="upload", feed="intelmq-json"
        )
        row = actions.process(row.pk)
        assert (row.status, row.rows_kept) == (Ingest.Status.DONE, 40), row.message
        path = raw.path_of(row.sha256)
        assert path.suffix == "" and [one.name for one in path.parent.iterdir()] == [path.name]
        grow(folder, mib=16)
        actions.forget_old_files()
        assert raw.path_of(row.sha256) == path, "it may be in use"
        os.utime(path, (time.time() - 100_000,) * 2)
        actions.forget_old_files()
        assert raw.path_of(row.sha256).suffix == ".gz"
        with raw.original(row.sha256) as original:
            assert original.read() == content
