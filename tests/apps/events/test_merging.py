"""Small files of the event table are merged by the node's own schedule."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.apps.events.conftest import Take, line
from tests.world import World

from atalaya.apps.events import queries
from atalaya.apps.events.tables import event_table
from atalaya.apps.jobs import actions as jobs
from atalaya.apps.jobs.models import Job
from atalaya.apps.jobs.worker import run_all
from atalaya.core.store import compaction

pytestmark = pytest.mark.django_db


def test_they_are_merged_every_hour(owned: World, take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    for port in range(3):
        take([line("192.0.2.7", port=port)])
    monkeypatch.setattr(compaction, "FEWEST", 3)
    question = queries.question_for(owned.handler, {"limit": 10})
    before = event_table().rows(question)
    jobs.fire_due()
    Job.objects.exclude(name="events.compact").delete()
    assert jobs.PERIODS["events.compact"] == timedelta(hours=1)
    assert run_all() == 1
    assert event_table().manifest().height == 1
    assert event_table().rows(question).equals(before)
